import type { ClientEvent } from '@ckptree/client';
import { DrillRecord, EventLedger } from '@ckptree/drill';
import { expect, test } from '@jest/globals';

const TIME = '2026-11-29T12:00:00.000Z';
const event = (sequence: number, type: string, checkpoint: string): ClientEvent =>
  ({ version: 1, sequence, type, checkpoint, time: TIME }) as unknown as ClientEvent;

/** @param events `lost`: those before are lost, and others follow */
function violationsOf(
  events: readonly (ClientEvent | 'lost')[],
  accepted: readonly string[],
): readonly string[] {
  const record = new DrillRecord(() => undefined);
  const ledger = new EventLedger(record);
  for (const checkpoint of accepted) ledger.accepted(checkpoint);
  for (const one of events)
    if (one === 'lost') ledger.lost();
    else ledger.enter(one);
  ledger.close();
  return record.violations;
}

const ORDERLY = [event(1, 'accepted', 'a'), event(2, 'accepted', 'b'), event(3, 'failed', 'b')];

test('nothing is found in events that came in order, with one end for each checkpoint', () => {
  expect(violationsOf([...ORDERLY, event(4, 'completed', 'a')], ['a', 'b'])).toEqual([]);
});

test('once events were lost, those that follow begin anew, and may tell an end again; what was under way may never end', () => {
  const anew = event(1, 'cancelled', 'b');
  expect(violationsOf([...ORDERLY, 'lost', anew], ['c'])).toEqual([]);
});

test.each([
  ['a checkpoint that never ends', ORDERLY, /a was accepted and never ended/],
  ['one that nobody here asked for', [event(1, 'accepted', 'c')], /c was accepted and never ended/],
  ['another end behind a loss', [...ORDERLY, 'lost' as const, event(1, 'completed', 'b')], /b ended twice/],
  ['two ends', [...ORDERLY, event(4, 'completed', 'b')], /b ended twice: failed, completed/],
  [
    'an event that is missing',
    [...ORDERLY, event(5, 'completed', 'a')],
    /event 5 \(completed\) came behind 3/,
  ],
  ['an event that came twice', [...ORDERLY, event(3, 'failed', 'b')], /event 3 \(failed\) came behind 3/],
])('%s is a violation', (_, events, message) => {
  expect(violationsOf(events, ['a', 'b'])).toContainEqual(expect.stringMatching(message));
});
