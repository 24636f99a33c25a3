import { type Static, Type } from '@ckptree/schema';
import { Count, InstanceId, RetentionPolicy, Time } from '../messages/fields.js';
import { Schedule } from '../messages/schedule.js';

/** What the coordinators agree on: bucket `ckptree-control`. */

/** Key `leader`: renewed every second. Whoever sees no change for 3 s takes it with the next term. */
export const LeaderRecord = Type.Object({
  version: Type.Literal(1),
  instance: InstanceId('The coordinator that leads.'),
  term: Count('Grows with each leader.'),
  at: Time('When it said this'),
});
export type LeaderRecord = Static<typeof LeaderRecord>;

/** Key `trees`: there only while the records of trees tell of all that run. */
export const TreesRecord = Type.Object({
  version: Type.Literal(1),
  made: Count('When the bucket was made that tells of all; another of its name does not, Unix milliseconds.'),
});
export type TreesRecord = Static<typeof TreesRecord>;

/** Key `schedules`. */
export const SchedulesRecord = Type.Object({
  version: Type.Literal(1),
  schedules: Type.Array(Schedule, { maxItems: 1_000 }),
});
export type SchedulesRecord = Static<typeof SchedulesRecord>;

/** Key `retention`. */
export const RetentionRecord = Type.Object({ version: Type.Literal(1), policy: RetentionPolicy });
export type RetentionRecord = Static<typeof RetentionRecord>;

/** Key `upkeep`: when the store was last looked after. */
export const UpkeepRecord = Type.Object({
  version: Type.Literal(1),
  gc: Type.Optional(Time('When the last garbage collection that went well began')),
  verify: Type.Optional(Time('When the last verification that came to its end began')),
});
export type UpkeepRecord = Static<typeof UpkeepRecord>;

/** A checkpoint that was asked for with an idempotency key: bucket `ckptree-keys`, SHA-256 of the key as key. */
export const KeyRecord = Type.Object({
  version: Type.Literal(1),
  id: Type.String({ maxLength: 64, description: 'What came of it: id of the checkpoint.' }),
});
export type KeyRecord = Static<typeof KeyRecord>;

export const exampleControl = {
  leader: { version: 1, instance: 'coordinator-1', term: 3, at: '2026-11-23T15:39:26.123Z' },
  trees: { version: 1, made: 1_795_448_366_123 },
  schedules: { version: 1, schedules: [{ schedule: 's-1', pid: 1, everyMs: 30_000 }] },
  retention: { version: 1, policy: { keepLast: 7 } },
  upkeep: { version: 1, gc: '2026-11-23T15:39:26.123Z', verify: '2026-11-23T15:39:28.456Z' },
  key: { version: 1, id: '20261123t153926123-7f3a9c2e' },
} as const satisfies {
  leader: LeaderRecord;
  trees: TreesRecord;
  schedules: unknown;
  retention: RetentionRecord;
  upkeep: UpkeepRecord;
  key: KeyRecord;
};
