import { PAGE_SIZE } from '@ckptree/model';
import { Type } from '@ckptree/schema';
import { conclude, machine } from './machine.js';
import { holds, mapMemory } from './memory.js';
import { CountParam, PathParam } from './param-types.js';

export const aio = machine({
  name: 'aio',
  summary:
    'Leaves an asynchronous read outstanding for a while: until it completes, no checkpoint can be taken.',
  params: Type.Object(
    {
      path: PathParam('The file whose first page it reads.'),
      ticks: CountParam(1000, 0, 1_000_000_000, 'How many ticks the read is outstanding.'),
    },
    { additionalProperties: false },
  ),
  variables: ['fd', 'ticks', 'buffer', 'cursor'],

  start(sys, { path, ticks }, frame) {
    frame.fd = sys.open(path, 'r');
    frame.ticks = ticks;
    frame.buffer = mapMemory(sys, 2 * PAGE_SIZE);
  },

  states: {
    submit(sys, frame) {
      sys.ioSubmit(frame.fd, frame.buffer, PAGE_SIZE, 0);
      frame.state = 'outstanding';
      return 'ran';
    },

    outstanding(_, frame) {
      if (frame.cursor === frame.ticks) frame.state = 'complete';
      else frame.cursor += 1;
      return 'ran';
    },

    complete(sys, frame) {
      const events = sys.ioGetEvents();
      const again = frame.buffer + PAGE_SIZE;
      const length = sys.read(frame.fd, again, PAGE_SIZE);
      return conclude(sys, events === 1 && holds(sys, frame.buffer, sys.mem.read(again, length)));
    },
  },
});
