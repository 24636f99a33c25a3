import { Type } from '@ckptree/schema';
import type { Sys } from '../program.js';
import { conclude, machine } from './machine.js';
import { heapMemory, holds } from './memory.js';
import { CountParam, PathParam } from './param-types.js';
import { bytesOf } from './random.js';

/** A divisor of the page size. */
const BLOCK = 2048;
const MAX_FILE_SIZE = 2 ** 32;
/** Words of this length and longer are counted together. */
const LONGEST = 31;
const HISTOGRAM_SIZE = (LONGEST + 1) * 4;
const NEWLINE = 0x0a;

const bytes = Array.from({ length: 256 }, (_, byte) => byte);
/** 1 for the white space of ASCII. */
const SPACE = Uint8Array.from(bytes, (byte) => (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) ? 1 : 0));
/** Letters of ASCII turned by 13 places; twice gives them back, and words stay words. */
const ROT13 = Uint8Array.from(bytes, (byte) => {
  const letter = byte & ~0x20;
  return letter >= 0x41 && letter <= 0x5a ? (byte & 0x20) + 0x41 + ((letter - 0x41 + 13) % 26) : byte;
});

/**
 * Lines that end, and the lengths of the words that end in a block, or with it when it is the last one.
 * @param run length so far of a word that began before
 */
function countBlock(block: Uint8Array, run: number, last: boolean) {
  const lengths: number[] = [];
  let length = run;
  let lines = 0;
  for (const byte of block) {
    if (SPACE[byte] === 0) {
      length++;
      continue;
    }
    if (byte === NEWLINE) lines++;
    if (length > 0) lengths.push(length);
    length = 0;
  }
  if (last && length > 0) lengths.push(length);
  return { lines, lengths, run: last ? 0 : length };
}

function addLengths(sys: Sys, histogram: number, lengths: readonly number[]): void {
  const counts = new Uint32Array(sys.mem.read(histogram, HISTOGRAM_SIZE).slice().buffer);
  for (const length of lengths) counts[Math.min(length, LONGEST)]! += 1;
  sys.mem.write(histogram, bytesOf(counts));
}

/** @returns whether anything changed: a page without letters stays the file's own */
function rewrite(block: Uint8Array): boolean {
  let changed = false;
  for (let at = 0; at < block.length; at++) {
    const byte = ROT13[block[at]!]!;
    changed ||= byte !== block[at];
    block[at] = byte;
  }
  return changed;
}

/**
 * Counts as wc does in the C locale: whatever lies between white space is a word, so any bytes will do. Each pass
 * rewrites the private mapping by ROT13, and the end holds the mapping against the file itself, which must be as
 * it was.
 */
export const wordcount = machine({
  name: 'wordcount',
  summary: 'Counts lines, words and word lengths of a file that it maps privately and rewrites as it goes.',
  params: Type.Object(
    {
      path: PathParam('The file to count.'),
      passes: CountParam(1, 1, 1_000_000, 'How often the file is gone through.'),
    },
    { additionalProperties: false },
  ),
  // `run` is the length of the word that a block ended in; `histogram` has a 32-bit count for each length.
  variables: [
    'fd',
    'size',
    'text',
    'cursor',
    'run',
    'lines',
    'words',
    'pass',
    'passes',
    'histogram',
    'buffer',
  ],

  start(sys, { path, passes }, frame) {
    frame.fd = sys.open(path, 'r');
    frame.passes = passes;
    frame.histogram = heapMemory(sys, HISTOGRAM_SIZE);
    frame.buffer = heapMemory(sys, BLOCK);
  },

  states: {
    measure(sys, frame) {
      const length = sys.read(frame.fd, frame.buffer, BLOCK);
      frame.size += length;
      if (frame.size > MAX_FILE_SIZE) return conclude(sys, false);
      if (length > 0) return 'ran';
      if (frame.size > 0)
        frame.text = sys.mmap({
          length: frame.size,
          prot: { read: true, write: true },
          fd: frame.fd,
          offset: 0,
        });
      frame.state = 'count';
      return 'ran';
    },

    count(sys, frame) {
      const { cursor, size } = frame;
      const block = sys.mem.read(frame.text + cursor, Math.min(BLOCK, size - cursor));
      const last = cursor + block.length === size;
      const counts = countBlock(block, frame.run, last);
      addLengths(sys, frame.histogram, counts.lengths);
      if (rewrite(block)) sys.mem.write(frame.text + cursor, block);
      frame.lines += counts.lines;
      frame.words += counts.lengths.length;
      frame.run = counts.run;
      frame.cursor = last ? 0 : cursor + block.length;
      if (!last) return 'ran';
      frame.pass += 1;
      if (frame.pass < frame.passes) return 'ran';
      sys.lseek(frame.fd, 0);
      frame.state = 'compare';
      return 'ran';
    },

    compare(sys, frame) {
      const length = sys.read(frame.fd, frame.buffer, BLOCK);
      if (length === 0) {
        frame.state = 'sum';
        return 'ran';
      }
      if (frame.cursor + length > frame.size) return conclude(sys, false);
      const original = sys.mem.read(frame.buffer, length);
      if (frame.passes % 2 === 1) rewrite(original);
      if (!holds(sys, frame.text + frame.cursor, original)) return conclude(sys, false);
      frame.cursor += length;
      return 'ran';
    },

    sum(sys, frame) {
      const { words, lines, passes, cursor, size, histogram } = frame;
      let counted = 0;
      for (let length = 0; length <= LONGEST; length++) counted += sys.mem.u32(histogram + length * 4);
      frame.ax = words / passes;
      const even = words % passes === 0 && lines % passes === 0;
      return conclude(sys, cursor === size && even && counted % 2 ** 32 === words % 2 ** 32);
    },
  },
});
