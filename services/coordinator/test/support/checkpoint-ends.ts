import type { CheckpointHandle, Client } from '@ckptree/client';
import { type ClusterEvent, type EventType, isLastOfCheckpoint } from '@ckptree/protocol';
import { expect } from '@jest/globals';

export type CheckpointEnd =
  | { readonly type: 'completed' }
  | { readonly type: 'failed'; readonly code: string; readonly reason: string };

/** How a checkpoint ended, as whoever asked for it is told. */
export const endOf = (checkpoint: CheckpointHandle): Promise<CheckpointEnd> =>
  checkpoint.done.then(
    () => ({ type: 'completed' as const }),
    (error: { code: string; message: string }) => ({
      type: 'failed' as const,
      code: error.code,
      reason: error.message,
    }),
  );

/** All events of a checkpoint by now. */
export async function eventsOf(client: Client, checkpoint: string): Promise<ClusterEvent[]> {
  const events: ClusterEvent[] = [];
  const options = { from: 'beginning', follow: false, filter: { checkpoint } } as const;
  for await (const event of client.events(options)) events.push(event);
  return events;
}

/** Those that end it: there must be one. */
export const endsIn = (events: readonly ClusterEvent[]): EventType[] =>
  events.filter(isLastOfCheckpoint).map(({ type }) => type);

/**
 * What is listed is whole; what was not completed is not listed.
 * @param readData whether every byte of the store is read for that
 */
export async function checkListed(
  client: Client,
  checkpoint: string,
  completed: boolean,
  readData = true,
): Promise<void> {
  const store = await client.store();
  try {
    const listing = await store.list();
    expect(listing.damaged).toEqual([]);
    expect(listing.checkpoints.some(({ id }) => id === checkpoint)).toBe(completed);
    expect(await store.verify({ readData })).toMatchObject({ ok: true, damaged: [] });
  } finally {
    await store.close();
  }
}
