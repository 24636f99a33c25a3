import { type Static, Type } from '@ckptree/schema';
import { CheckpointId, InstanceId, Labels, lastRun, Name, Pid, Time } from './fields.js';

const scheduleFields = {
  pid: Pid('The task that is checkpointed, with all below it.'),
  everyMs: Type.Optional(
    Type.Integer({ minimum: 1_000, maximum: 31_536_000_000, description: 'So often, milliseconds.' }),
  ),
  cron: Type.Optional(
    Type.String({ minLength: 9, maxLength: 200, description: 'When, as cron says it (UTC): `0 3 * * *`.' }),
  ),
  container: Type.Optional(Type.Boolean({ description: 'Fail when the tree shares objects with others.' })),
  name: Type.Optional(Name()),
  labels: Type.Optional(Labels),
};

/** Checkpoints again and again: `everyMs` or `cron`. */
export const ScheduleRequest = Type.Object({
  schedule: Type.Optional(InstanceId('Its id; made when absent. A schedule of the same id is replaced.')),
  ...scheduleFields,
});
export type ScheduleRequest = Static<typeof ScheduleRequest>;

export const Schedule = Type.Object({
  schedule: InstanceId('Its id.'),
  ...scheduleFields,
  next: Type.Optional(Time('When the next checkpoint is due')),
  last: Type.Optional(CheckpointId('The newest checkpoint of it.')),
  ...lastRun,
});
export type Schedule = Static<typeof Schedule>;
