import { PAGE_SIZE } from '@ckptree/model';
import { Type } from '@ckptree/schema';
import type { Sys } from '../program.js';
import { assign, conclude, type Frame, machine } from './machine.js';
import { mapMemory } from './memory.js';
import { CountParam, PathParam, SeedParam } from './param-types.js';
import { bytesOf, draw, fold, randomPage } from './random.js';

const BLOCK = PAGE_SIZE;

/** The shared page: two counters and two histograms of 256 byte values, one by the members, one by the leader. */
const TAKEN = 0;
const DONE = 4;
const MEMBERS_COUNTS = 1024;
const LEADERS_COUNTS = 2048;
const COUNTS_SIZE = 256 * 4;

// biome-ignore format: what is given, what changes
const VARIABLES = [
  'control', 'buffers', 'members', 'thread', 'reads', 'fd', 'blocks', 'seed',
  'member', 'cursor', 'failed', 'sum',
] as const;
type State = 'spawn' | 'spawned' | 'pull' | 'gather' | 'rewind' | 'recount' | 'compare';
type GroupFrame = Frame<(typeof VARIABLES)[number], State>;

/** Each member has a buffer of its own when blocks are read; without a file each block has a place in memory. */
const bufferOf = (frame: GroupFrame, index: number) => frame.buffers + index * BLOCK;

/** The next block that nobody has had; empty when there is none left. */
function takeBlock(sys: Sys, frame: GroupFrame): Uint8Array {
  const { mem } = sys;
  if (frame.reads === 1) {
    const buffer = bufferOf(frame, frame.member);
    return mem.read(buffer, sys.read(frame.fd, buffer, BLOCK));
  }
  const block = mem.u32(frame.control + TAKEN);
  if (block >= frame.blocks) return new Uint8Array(0);
  mem.setU32(frame.control + TAKEN, block + 1);
  const bytes = randomPage(draw(frame.seed, block));
  mem.write(bufferOf(frame, block), bytes);
  return bytes;
}

/** The same blocks in order, as the leader alone goes through them again. */
function retakeBlock(sys: Sys, frame: GroupFrame): Uint8Array {
  if (frame.reads === 1) return takeBlock(sys, frame);
  return frame.cursor < frame.blocks ? sys.mem.read(bufferOf(frame, frame.cursor), BLOCK) : new Uint8Array(0);
}

function countBytes(sys: Sys, counts: number, block: Uint8Array): void {
  const histogram = Uint32Array.from(wordsAt(sys, counts));
  for (const byte of block) histogram[byte]! += 1;
  sys.mem.write(counts, bytesOf(histogram));
}

const wordsAt = (sys: Sys, counts: number) =>
  new Uint32Array(sys.mem.read(counts, COUNTS_SIZE).slice().buffer);

/** Nothing that depends on which member got which blocks may outlive it. */
function leave(sys: Sys, frame: GroupFrame): void {
  if (frame.reads === 1) sys.mem.fill(bufferOf(frame, frame.member), 0, BLOCK);
  sys.mem.setU32(frame.control + DONE, sys.mem.u32(frame.control + DONE) + 1);
  for (const variable of VARIABLES) frame[variable] = 0;
  frame.ax = 0;
}

/**
 * A leader and its members in one address space with one descriptor table. The members pull blocks, from an open
 * file whose position they share or from a counter, and add what they find into one histogram: the sum is the same
 * however their ticks interleave. The leader waits for all, counts again by itself and compares.
 */
export const threads = machine({
  name: 'threads',
  summary: 'A group of tasks that share memory and files and work off the blocks of a file or of memory.',
  waits: true,
  params: Type.Object(
    {
      members: CountParam(4, 1, 1000, 'Tasks beside the leader; their pids follow its own.'),
      kind: Type.Union([Type.Literal('threads'), Type.Literal('processes')], {
        default: 'threads',
        description: 'threads: of one thread group, counted when they end; processes: waited for.',
      }),
      file: Type.Optional(PathParam('The file whose bytes are counted.')),
      fd: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 65_535,
          description: 'The same, as a descriptor that is open already.',
        }),
      ),
      blocks: CountParam(
        256,
        0,
        262_144,
        'Without a file: blocks of 4 KiB of memory that are filled and counted.',
      ),
      seed: SeedParam(),
    },
    { additionalProperties: false },
  ),
  variables: VARIABLES,

  check: ({ file, fd }) =>
    file !== undefined && fd !== undefined ? 'file and fd exclude each other' : undefined,

  start(sys, { members, kind, file, fd, blocks, seed }, frame) {
    const reads = file !== undefined || fd !== undefined;
    frame.control = mapMemory(sys, PAGE_SIZE);
    frame.buffers = mapMemory(sys, (reads ? members + 1 : blocks) * BLOCK);
    frame.fd = file === undefined ? (fd ?? 0) : sys.open(file, 'r');
    assign(frame, { members, blocks, seed: seed ?? sys.pid });
    frame.reads = reads ? 1 : 0;
    frame.thread = kind === 'threads' ? 1 : 0;
  },

  states: {
    spawn(sys, frame) {
      frame.member += 1;
      frame.state = 'spawned';
      sys.clone({ pid: sys.pid + frame.member, vm: true, files: true, thread: frame.thread === 1 });
      return 'ran';
    },

    spawned(_, frame) {
      if (frame.ax === 0) frame.state = 'pull';
      else frame.state = frame.member < frame.members ? 'spawn' : 'gather';
      return 'ran';
    },

    pull(sys, frame) {
      const block = takeBlock(sys, frame);
      if (block.length > 0) {
        countBytes(sys, frame.control + MEMBERS_COUNTS, block);
        return 'ran';
      }
      leave(sys, frame);
      return conclude(sys, true);
    },

    gather(sys, frame) {
      const { members, cursor } = frame;
      if (frame.thread === 1) {
        if (sys.mem.u32(frame.control + DONE) >= members) frame.state = 'rewind';
        return 'ran';
      }
      const ended = sys.wait(sys.pid + 1 + cursor);
      if (ended === undefined) return 'blocked';
      if (ended.status !== 0) frame.failed = 1;
      frame.cursor += 1;
      if (frame.cursor === members) frame.state = 'rewind';
      return 'ran';
    },

    rewind(sys, frame) {
      if (frame.reads === 1) sys.lseek(frame.fd, 0);
      frame.member = 0;
      frame.cursor = 0;
      frame.state = 'recount';
      return 'ran';
    },

    recount(sys, frame) {
      const block = retakeBlock(sys, frame);
      countBytes(sys, frame.control + LEADERS_COUNTS, block);
      frame.cursor += 1;
      if (block.length === 0) frame.state = 'compare';
      return 'ran';
    },

    compare(sys, frame) {
      const byMembers = wordsAt(sys, frame.control + MEMBERS_COUNTS);
      const byLeader = wordsAt(sys, frame.control + LEADERS_COUNTS);
      frame.ax = byMembers.reduce(fold, 0);
      const same = byMembers.every((count, byte) => count === byLeader[byte]);
      return conclude(sys, same && frame.failed === 0);
    },
  },
});
