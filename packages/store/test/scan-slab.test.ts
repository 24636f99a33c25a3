import { ARENA_FRAMES, frameBytes, PAGE_SIZE } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { contentHash } from '../dist/content-hash.js';
import { openWindows } from '../dist/put/open-window.js';
import { PageSlots, UNDECIDED, ZEROS } from '../dist/put/page-slots.js';
import { APART, IN_SLAB, scanSlab } from '../dist/put/scan-slab.js';
import { openPage } from '../dist/put/window.js';

const settings = { codec: 'none', level: 1 } as const;
const FRAMES = 24;
/** Two arenas; in each every fifth frame is of zeros. */
const arenas = [1, 2].map((seed) => {
  const arena = new SharedArrayBuffer(FRAMES * PAGE_SIZE);
  for (let frame = 0; frame < FRAMES; frame++)
    // Zeros, but for the last byte: no page of zeros is told by its first bytes alone.
    if (frame % 5 !== 0)
      new Uint8Array(arena, frame * PAGE_SIZE, PAGE_SIZE).set([seed, frame], PAGE_SIZE - 2);
  return arena;
});
const bytesOf = (frame: number): Uint8Array => frameBytes(arenas, frame, 1);
const isZeros = (frame: number): boolean => (frame % ARENA_FRAMES) % 5 === 0;

/** Pages of frames in windows, scanned and opened. */
function scanned(windows: readonly { frames: number[]; known: boolean[]; isLoose: boolean }[]) {
  const frames = Int32Array.from(windows.flatMap((window) => window.frames));
  const known = Uint8Array.from(windows.flatMap((window) => window.known.map(Number)));
  const slots = new PageSlots();
  const memory = { owner: { pid: 1, comm: '' }, ppid: 0, runs: new Float64Array(0), frames, arenas };
  let firstPage = 0;
  const cuts = windows.map(({ frames: own, isLoose }) => {
    const addresses = Float64Array.from(own, (_, page) => (firstPage + page) * PAGE_SIZE);
    const cut = { memory, addresses, position: firstPage * PAGE_SIZE, firstPage, isLoose };
    firstPage += own.length;
    return cut;
  });
  const slab = new Uint8Array(new SharedArrayBuffer(frames.length * PAGE_SIZE));
  const scan = scanSlab(settings, {
    slab,
    windows: Uint32Array.from(windows, (window) => window.frames.length),
    loose: Uint8Array.from(windows, ({ isLoose }) => Number(isLoose)),
    known,
    stretches: [{ arenas, frames }],
  });
  const numbers = Uint32Array.from(frames, () => slots.add());
  return { slab, slots, scan, windows: openWindows(cuts, { slots: numbers, known }, slab, scan, slots) };
}

const frame = fc.tuple(fc.nat(1), fc.nat(FRAMES - 1)).map(([arena, index]) => arena * ARENA_FRAMES + index);
/** Frames side by side, and others. */
const frames = fc
  .array(
    fc.tuple(frame, fc.integer({ min: 1, max: 9 })).map(([first, count]) => {
      const room = FRAMES - (first % ARENA_FRAMES);
      return Array.from({ length: Math.min(count, room) }, (_, index) => first + index);
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((runs) => runs.flat());
const window = fc.tuple(frames, fc.boolean(), fc.infiniteStream(fc.nat(5))).map(([own, isLoose, draws]) => ({
  frames: own,
  isLoose,
  known: own.map(() => draws.next().value === 0),
}));

describe('pages in frames', () => {
  test('are told apart, and what is left of each window is hashed as it stands', () => {
    const law = fc.property(fc.array(window, { minLength: 1, maxLength: 5 }), (given) => {
      const { scan, slots, windows } = scanned(given);
      for (const [index, { frames: own, known, isLoose }] of given.entries()) {
        const opened = windows[index]!;
        const left = own.filter((each, page) => !known[page] && !isZeros(each));
        const content = Buffer.concat(left.map(bytesOf));
        expect(Buffer.concat(left.map((_, page) => openPage(opened, page))).equals(content)).toBe(true);
        const id = isLoose || left.length === 0 ? Buffer.alloc(32) : contentHash().digest(content);
        expect(id.equals(scan.ids.subarray(index * 32, (index + 1) * 32))).toBe(true);
        if (!isLoose) expect(Buffer.from(opened.content!).equals(content)).toBe(true);
        for (const [page, each] of own.entries()) {
          const isZero = isZeros(each) && !known[page];
          expect(slots.chunk(opened.slots[page]!)).toBe(isZero ? ZEROS : UNDECIDED);
          expect([...opened.open].includes(page)).toBe(!known[page] && !isZero);
        }
      }
    });
    fc.assert(law, { numRuns: 300 });
  });

  test('are not copied where they stand side by side, nor where they are loose', () => {
    const known = [false, false, false, false];
    const { scan, slab, windows } = scanned([
      { frames: [1, 2, 3, 4], known, isLoose: false },
      // The last one is of zeros, and does not count.
      { frames: [7, 8, 9, 10], known, isLoose: false },
      { frames: [4, 3, 2, 1], known, isLoose: true },
      { frames: [4, 3, 2, 1], known, isLoose: false },
    ]);
    expect([...scan.places]).toEqual([1, 7, APART, IN_SLAB]);
    expect([...scan.left]).toEqual([4, 3, 4, 4]);
    expect(windows[0]!.content!.buffer).toBe(arenas[0]);
    const copied = slab.subarray(12 * PAGE_SIZE);
    expect(slab.subarray(0, 12 * PAGE_SIZE).every((byte) => byte === 0)).toBe(true);
    expect(Buffer.concat([4, 3, 2, 1].map(bytesOf)).equals(copied)).toBe(true);
  });

  test('that are in no arena are refused', () => {
    const beyond = [FRAMES, 2 * ARENA_FRAMES];
    for (const each of beyond)
      expect(() => scanned([{ frames: [each], known: [false], isLoose: false }])).toThrow(
        /in none of its arenas/,
      );
  });
});
