import { Type } from '@ckptree/schema';
import { conclude, machine } from './machine.js';
import { heapMemory, holds } from './memory.js';
import { CountParam, PathParam } from './param-types.js';

/** Where both ends are is known to the kernel alone: the positions of two open files. */
export const logwriter = machine({
  name: 'logwriter',
  summary: 'Reads a file block by block and writes each to another file, then compares the two.',
  params: Type.Object(
    {
      input: PathParam('The file that it reads.'),
      output: PathParam('The file that it writes, anew.'),
      blockBytes: CountParam(256, 1, 65_536, 'Bytes that it moves in one tick.'),
    },
    { additionalProperties: false },
  ),
  variables: ['input', 'output', 'buffer', 'copy', 'blockBytes', 'size'],

  check: ({ input, output }) => (input === output ? 'input and output are the same file' : undefined),

  start(sys, { input, output, blockBytes }, frame) {
    frame.input = sys.open(input, 'r');
    frame.output = sys.open(output, 'w+');
    frame.blockBytes = blockBytes;
    frame.buffer = heapMemory(sys, blockBytes);
    frame.copy = heapMemory(sys, blockBytes);
  },

  states: {
    move(sys, frame) {
      const { input, output, buffer, blockBytes } = frame;
      const length = sys.read(input, buffer, blockBytes);
      if (length > 0) {
        frame.size += length;
        return sys.write(output, buffer, length) === length ? 'ran' : conclude(sys, false);
      }
      sys.lseek(input, 0);
      sys.lseek(output, 0);
      frame.state = 'compare';
      return 'ran';
    },

    compare(sys, frame) {
      const { input, output, buffer, copy, blockBytes } = frame;
      const length = sys.read(input, buffer, blockBytes);
      const same =
        sys.read(output, copy, blockBytes) === length && holds(sys, copy, sys.mem.read(buffer, length));
      if (same && length > 0) return 'ran';
      frame.ax = frame.size;
      return conclude(sys, same);
    },
  },
});
