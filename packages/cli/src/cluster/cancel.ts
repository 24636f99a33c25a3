import { type Static, Type } from '@ckptree/schema';
import type { Outcome, Session } from '../session.js';
import type { ClusterOptions } from './cluster-options.js';
import { withClient } from './with-client.js';

export const CancelReport = Type.Object(
  { state: Type.String({ description: 'What the checkpoint is now: it may have been too late.' }) },
  { additionalProperties: false },
);
type CancelReport = Static<typeof CancelReport>;

const CHECKPOINT_ID = /^\d{8}t\d{9}-[0-9a-f]{8}$/;

/** Gives up a checkpoint; any other id is that of a schedule. */
export function cancel(
  id: string,
  options: ClusterOptions,
  session: Session,
): Promise<Outcome<CancelReport>> {
  return withClient(options, session, async (client) => {
    if (!CHECKPOINT_ID.test(id)) {
      await client.unschedule(id, { signal: session.signal });
      return { report: { state: 'cancelled' }, exitCode: 0 };
    }
    const state = await client.cancel(id, { signal: session.signal });
    return state === 'cancelled'
      ? { report: { state }, exitCode: 0 }
      : { report: { state }, exitCode: 1, complaint: `it could not be cancelled any more: it is ${state}` };
  });
}

export const formatCancel = ({ state }: CancelReport): string => `It is ${state}.\n`;
