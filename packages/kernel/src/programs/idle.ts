import { LDT_ENTRY_SIZE, PAGE_SIZE } from '@ckptree/model';
import { Type } from '@ckptree/schema';
import type { Sys } from '../program.js';
import { assign, conclude, type Frame, machine } from './machine.js';
import { mapMemory } from './memory.js';
import { CountParam, SeedParam } from './param-types.js';
import { draw, mix32, randomPage } from './random.js';

const PAGES_PER_MIB = 2 ** 20 / PAGE_SIZE;
const PAGES_PER_TICK = 2;

const WORDS = 'a checkpoint holds every page that was written and none that was only read; '.split(' ');

/** Words in random order, as many as two pages take: it compresses as text does. */
const TEXT = Buffer.from(
  Array.from({ length: 2 * PAGE_SIZE }, (_, n) => WORDS[draw(0, n) % WORDS.length]).join(' '),
).subarray(0, 2 * PAGE_SIZE);

/** A page of it from some place on. */
const textPage = (seed: number): Uint8Array => {
  const start = mix32(seed) % PAGE_SIZE;
  return Uint8Array.from(TEXT.subarray(start, start + PAGE_SIZE));
};

/** What memory is filled with, by the number of the kind in a register. */
const PATTERNS = [
  { name: 'random', page: randomPage },
  { name: 'text', page: textPage },
  { name: 'zero', page: () => new Uint8Array(PAGE_SIZE) },
] as const;

// biome-ignore format: a list, not one a line
const VARIABLES = [
  'memory', 'pages', 'pattern', 'seed', 'ticks', 'writes', 'stride', 'forever', 'cursor',
] as const;
type IdleFrame = Frame<(typeof VARIABLES)[number], 'fill' | 'hold' | 'check'>;

/** The page as it was filled in, but for its first word, which counts how often it was written since. */
function expectedPage({ pattern, seed }: IdleFrame, page: number, written: number): Uint8Array {
  const bytes = (PATTERNS[pattern] ?? PATTERNS[0]).page(draw(seed, page));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, written, true);
  return bytes;
}

/** Writes go round the pages, `stride` at a time: how many of the first `total` went to this one. */
function writesTo(page: number, total: number, { pages, stride }: IdleFrame): number {
  const turn = stride === 1 ? page : (page * inverse(stride, pages)) % pages;
  return Math.floor(total / pages) + (turn < total % pages ? 1 : 0);
}

/** So many pages at a time, writes come to each page once a round, and never close to each other. */
function scatteringStride(pages: number): number {
  for (let stride = Math.round(pages * GOLDEN_SECTION); ; stride++)
    if (inverse(stride, pages) !== 0) return stride;
}

const GOLDEN_SECTION = (Math.sqrt(5) - 1) / 2;

/** What a number is to be multiplied with to be 1 modulo another (extended Euclid); 0 when there is nothing. */
function inverse(number: number, modulus: number): number {
  let [a, b, x, y] = [modulus, number % modulus, 0, 1];
  while (b !== 0) {
    const quotient = Math.floor(a / b);
    [a, b, x, y] = [b, a % b, y, x - quotient * y];
  }
  return a === 1 ? (x + modulus) % modulus || 1 : 0;
}

function isAsExpected(sys: Sys, frame: IdleFrame, page: number): boolean {
  const written = writesTo(page, frame.ticks * frame.writes, frame);
  const expected = expectedPage(frame, page, written);
  return Buffer.compare(sys.mem.read(frame.memory + page * PAGE_SIZE, PAGE_SIZE), expected) === 0;
}

export const idle = machine({
  name: 'idle',
  summary: 'Holds memory, lets time pass, and checks in the end that nothing changed.',
  params: Type.Object(
    {
      memoryMiB: CountParam(1, 0, 16_384, 'Memory that it fills; 0 is a single page.'),
      pattern: Type.Union(
        PATTERNS.map(({ name }) => Type.Literal(name)),
        { default: 'random', description: 'What it fills it with.' },
      ),
      seed: SeedParam(),
      ticks: CountParam(1000, 0, 1_000_000_000, 'How many ticks it lets pass.'),
      writesPerTick: CountParam(0, 0, 64, 'Pages that it writes a word to in each of them, in turn.'),
      scattered: Type.Boolean({ default: false, description: 'These are not neighbours, but far apart.' }),
      ldtEntries: CountParam(0, 0, 8192, 'Entries of a local descriptor table that it sets.'),
      forever: Type.Boolean({ default: false, description: 'It goes on until it is killed.' }),
    },
    { additionalProperties: false },
  ),
  variables: VARIABLES,

  start(sys, { memoryMiB, pattern, seed, ticks, writesPerTick, scattered, ldtEntries, forever }, frame) {
    frame.pages = Math.max(1, memoryMiB * PAGES_PER_MIB);
    frame.memory = mapMemory(sys, frame.pages * PAGE_SIZE);
    frame.stride = scattered ? scatteringStride(frame.pages) : 1;
    frame.pattern = PATTERNS.findIndex(({ name }) => name === pattern);
    assign(frame, { seed: seed ?? sys.pid, ticks, writes: writesPerTick, forever: forever ? 1 : 0 });
    for (let index = ldtEntries - 1; index >= 0; index--)
      sys.modifyLdt(index, randomPage(draw(frame.seed, index)).subarray(0, LDT_ENTRY_SIZE));
  },

  states: {
    fill(sys, frame) {
      const { memory, pages } = frame;
      const end = Math.min(frame.cursor + PAGES_PER_TICK, pages);
      for (let page = frame.cursor; page < end; page++)
        sys.mem.write(memory + page * PAGE_SIZE, expectedPage(frame, page, 0));
      frame.cursor = end < pages ? end : 0;
      if (end === pages) frame.state = 'hold';
      return 'ran';
    },

    hold(sys, frame) {
      const { memory, pages, cursor, writes, stride } = frame;
      if (cursor === frame.ticks && frame.forever === 0) {
        frame.cursor = 0;
        frame.state = 'check';
        return 'ran';
      }
      for (let n = 0; n < Math.min(writes, 64); n++) {
        const page = (((cursor * writes + n) % pages) * stride) % pages;
        const word = memory + page * PAGE_SIZE;
        sys.mem.setU32(word, sys.mem.u32(word) + 1);
      }
      frame.cursor = cursor + 1;
      return 'ran';
    },

    check(sys, frame) {
      const end = Math.min(frame.cursor + PAGES_PER_TICK, frame.pages);
      for (let page = frame.cursor; page < end; page++)
        if (!isAsExpected(sys, frame, page)) return conclude(sys, false);
      frame.cursor = end;
      return end < frame.pages ? 'ran' : conclude(sys, true);
    },
  },
});
