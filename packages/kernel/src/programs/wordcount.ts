import { PAGE_SIZE } from '@ckptree/model';
import { Type } from 'typebox';
import { assign, conclude, machine } from './machine.js';
import { heapMemory, holds } from './memory.js';
import { CountParam, PathParam } from './param-types.js';

const BLOCK = PAGE_SIZE;
const MAX_FILE_SIZE = 2 ** 32;
/** Words of this length and longer are counted together. */
const LONGEST = 31;

const bytes = Array.from({ length: 256 }, (_, byte) => byte);
/** 1 for the white space of ASCII. */
const SPACE = Uint8Array.from(bytes, (byte) => (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) ? 1 : 0));
/** Letters of ASCII turned by 13 places; twice gives them back, and words stay words. */
const ROT13 = Uint8Array.from(bytes, (byte) => {
  const letter = byte & ~0x20;
  return letter >= 0x41 && letter <= 0x5a ? (byte & 0x20) + 0x41 + ((letter - 0x41 + 13) % 26) : byte;
});

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
    frame.histogram = heapMemory(sys, (LONGEST + 1) * 4);
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
      const address = frame.text + cursor;
      const block = sys.mem.read(address, Math.min(BLOCK, size - cursor));
      const last = cursor + block.length === size;
      const histogram = sys.mem.read(frame.histogram, (LONGEST + 1) * 4).slice();
      const lengths = new Uint32Array(histogram.buffer);
      let { run, lines, words } = frame;
      const endWord = () => {
        if (run === 0) return;
        lengths[Math.min(run, LONGEST)]! += 1;
        words++;
        run = 0;
      };
      for (const byte of block) {
        if (byte === 0x0a) lines++;
        if (SPACE[byte] === 1) endWord();
        else run++;
      }
      if (last) endWord();
      const rewritten = block.map((byte) => ROT13[byte]!);
      // A page without letters stays the file's own.
      if (Buffer.compare(rewritten, block) !== 0) sys.mem.write(address, rewritten);
      sys.mem.write(frame.histogram, histogram);
      assign(frame, { run, lines, words, cursor: last ? 0 : cursor + block.length });
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
      const expected = frame.passes % 2 === 0 ? original : original.map((byte) => ROT13[byte]!);
      if (!holds(sys, frame.text + frame.cursor, expected)) return conclude(sys, false);
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
