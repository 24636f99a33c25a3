import { Type } from '@ckptree/schema';
import type { Sys } from '../program.js';
import { assign, conclude, machine } from './machine.js';
import { holds, mapMemory } from './memory.js';
import { CountParam, SeedParam } from './param-types.js';
import { bytesOf, draw, drawWords, fold, mix32 } from './random.js';

const RECORD_SIZE = 256;
const RECORDS_PER_MIB = 2 ** 20 / RECORD_SIZE;
const PUTS_PER_TICK = 16;
const OPERATIONS_PER_TICK = 8;
const SCANNED_PER_TICK = 32;
/** Clusters of a table that is half full end long before; more means that it is damaged. */
const MAX_PROBES = 4096;
/** Of a hundred writes, so many delete. */
const DELETES_PERCENT = 20;

/** A hash table with open addressing and linear probing (Knuth, vol. 3, 6.4) in the memory of a task. */
interface Table {
  readonly sys: Sys;
  readonly address: number;
  readonly slots: number;
}

const slotAddress = ({ address }: Table, slot: number) => address + slot * RECORD_SIZE;
const keyAt = (table: Table, slot: number) => table.sys.mem.u32(slotAddress(table, slot));
const homeOf = ({ slots }: Table, key: number) => mix32(key) % slots;

/** A record: its key, which is not 0, the version of its value, and a value that follows from both. */
function recordOf(key: number, version: number): Uint8Array {
  const words = drawWords(mix32(key) ^ version, RECORD_SIZE / 4);
  words[0] = key;
  words[1] = version;
  return bytesOf(words);
}

/** The slot that holds the key, or else the empty one where it belongs; -1 when the table is damaged. */
function find(table: Table, key: number): number {
  let slot = homeOf(table, key);
  for (let probes = 0; probes < MAX_PROBES; probes++, slot = (slot + 1) % table.slots) {
    const found = keyAt(table, slot);
    if (found === key || found === 0) return slot;
  }
  return -1;
}

/** Whether the slot holds a record that is whole and older than `operation`. */
function isWhole(table: Table, slot: number, operation: number): boolean {
  const address = slotAddress(table, slot);
  const version = table.sys.mem.u32(address + 4);
  return version < operation && holds(table.sys, address, recordOf(keyAt(table, slot), version));
}

/** Empties the slot and moves up what probing could not find behind it any more (Knuth's algorithm R). */
function remove(table: Table, slot: number): void {
  const { mem } = table.sys;
  let hole = slot;
  let next = slot;
  for (let probes = 0; probes < MAX_PROBES; probes++) {
    next = (next + 1) % table.slots;
    const key = keyAt(table, next);
    if (key === 0) break;
    const fromHome = (next - homeOf(table, key) + table.slots) % table.slots;
    const fromHole = (next - hole + table.slots) % table.slots;
    if (fromHome < fromHole) continue;
    mem.write(slotAddress(table, hole), mem.read(slotAddress(table, next), RECORD_SIZE));
    hole = next;
  }
  mem.fill(slotAddress(table, hole), 0, RECORD_SIZE);
}

/**
 * A key-value store under a random load. Keys are drawn from half as many as there are slots; version `n` of a
 * value was put by operation `n - 1` (0: before the first). Every record that is met is held against what its key
 * and version say that it must be, and the whole table at the end.
 */
export const kvstore = machine({
  name: 'kvstore',
  summary: 'Puts, gets and deletes random records in a hash table of a chosen size.',
  params: Type.Object(
    {
      workingSetMiB: CountParam(4, 1, 16_384, 'Size of the table.'),
      operations: CountParam(100_000, 0, 4_000_000_000, 'How many puts, gets and deletes.'),
      writePercent: CountParam(50, 0, 100, 'Of a hundred operations, so many put or delete.'),
      seed: SeedParam(),
      touch: Type.Union([Type.Literal('full'), Type.Literal('none')], {
        default: 'full',
        description:
          'full: every key is put once before the load begins, so that all of the table is resident.',
      }),
    },
    { additionalProperties: false },
  ),
  variables: ['table', 'slots', 'seed', 'operations', 'writePercent', 'cursor', 'live', 'hits', 'sum'],

  start(sys, { workingSetMiB, operations, writePercent, seed, touch }, frame) {
    frame.slots = workingSetMiB * RECORDS_PER_MIB;
    frame.table = mapMemory(sys, frame.slots * RECORD_SIZE);
    frame.operations = operations;
    frame.writePercent = writePercent;
    frame.seed = seed ?? sys.pid;
    frame.state = touch === 'full' ? 'warmUp' : 'load';
  },

  states: {
    warmUp(sys, frame) {
      const table: Table = { sys, address: frame.table, slots: frame.slots };
      const keys = frame.slots / 2;
      const end = Math.min(frame.cursor + PUTS_PER_TICK, keys);
      for (let key = frame.cursor + 1; key <= end; key++) {
        const slot = find(table, key);
        if (slot < 0) return conclude(sys, false);
        sys.mem.write(slotAddress(table, slot), recordOf(key, 0));
      }
      frame.live = end;
      frame.cursor = end;
      if (end < keys) return 'ran';
      frame.cursor = 0;
      frame.state = 'load';
      return 'ran';
    },

    load(sys, frame) {
      const table: Table = { sys, address: frame.table, slots: frame.slots };
      const { seed, operations, writePercent } = frame;
      const end = Math.min(frame.cursor + OPERATIONS_PER_TICK, operations);
      let { live, hits } = frame;
      for (let operation = frame.cursor; operation < end; operation++) {
        const key = 1 + (draw(seed, operation * 2) % (frame.slots / 2));
        const choice = draw(seed, operation * 2 + 1);
        const slot = find(table, key);
        if (slot < 0) return conclude(sys, false);
        const present = keyAt(table, slot) === key;
        if (present && !isWhole(table, slot, operation + 1)) return conclude(sys, false);
        if (choice % 100 >= writePercent) {
          if (present) hits++;
        } else if (Math.floor(choice / 100) % 100 >= DELETES_PERCENT) {
          sys.mem.write(slotAddress(table, slot), recordOf(key, operation + 1));
          if (!present) live++;
        } else if (present) {
          remove(table, slot);
          live--;
        }
      }
      assign(frame, { live, hits, cursor: end });
      if (end < operations) return 'ran';
      frame.cursor = 0;
      frame.state = 'scan';
      return 'ran';
    },

    scan(sys, frame) {
      const table: Table = { sys, address: frame.table, slots: frame.slots };
      const end = Math.min(frame.cursor + SCANNED_PER_TICK, frame.slots);
      let { live, sum } = frame;
      for (let slot = frame.cursor; slot < end; slot++) {
        const key = keyAt(table, slot);
        if (key === 0) continue;
        if (find(table, key) !== slot || !isWhole(table, slot, frame.operations + 1))
          return conclude(sys, false);
        if (live-- === 0) return conclude(sys, false);
        sum = fold(fold(sum, key), sys.mem.u32(slotAddress(table, slot) + 4));
      }
      assign(frame, { live, sum, cursor: end });
      if (end < frame.slots) return 'ran';
      frame.ax = sum;
      return conclude(sys, live === 0);
    },
  },
});
