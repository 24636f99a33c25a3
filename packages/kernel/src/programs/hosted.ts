import { Type } from '@ckptree/schema';
import type { Program } from '../program.js';

/**
 * What runs a task whose registers and memory came from a real core file. They mean nothing to a program here, so
 * it ends at once and leaves all as it was.
 */
export const hosted: Program = {
  name: 'hosted',
  summary: 'Stands in for the program of a real core file; ends at once without touching anything.',
  params: Type.Object({}, { additionalProperties: false }),
  start() {
    // Nothing to lay out: memory and registers were there before.
  },
  step(sys) {
    sys.exit(0);
    return 'ran';
  },
};
