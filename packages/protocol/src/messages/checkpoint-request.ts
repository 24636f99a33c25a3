import { type Static, Type } from '@ckptree/schema';
import { PROTOCOL_VERSION } from './definition.js';
import { CheckpointId, IdempotencyKey, Labels, Name, Pid, Time } from './fields.js';

/** A checkpoint that somebody wants: published to the work queue, accepted with JetStream's acknowledgement. */
export const CheckpointRequest = Type.Object({
  version: Type.Literal(PROTOCOL_VERSION),
  checkpoint: CheckpointId('The id that it is to have, made by who asks; also the `Nats-Msg-Id`.'),
  pid: Pid('The task that is saved, with all below it.'),
  requested: Time('When it was asked for'),
  container: Type.Optional(
    Type.Boolean({ description: 'Fail when the tree shares an object with tasks outside.' }),
  ),
  leaveFrozen: Type.Optional(
    Type.Boolean({ description: 'The tasks stay frozen until they are thawed; if it fails, they run on.' }),
  ),
  stop: Type.Optional(Type.Boolean({ description: 'The tasks are killed once the checkpoint is complete.' })),
  name: Type.Optional(Name()),
  labels: Type.Optional(Labels),
  key: Type.Optional(IdempotencyKey),
  leaseMs: Type.Optional(
    Type.Integer({ minimum: 100, maximum: 600_000, description: 'Longest that tasks may stand still.' }),
  ),
  timeoutMs: Type.Optional(
    Type.Integer({ minimum: 1_000, maximum: 86_400_000, description: 'It fails when it takes longer.' }),
  ),
});
export type CheckpointRequest = Static<typeof CheckpointRequest>;

export const exampleCheckpointRequest: CheckpointRequest = {
  version: PROTOCOL_VERSION,
  checkpoint: '20261123t153926123-7f3a9c2e',
  pid: 1,
  requested: '2026-11-23T15:39:26.123Z',
  name: 'nightly',
};
