import { PAGE_SIZE } from '@ckptree/model';
import { Type } from '@ckptree/schema';
import { assign, conclude, machine } from './machine.js';
import { mapMemory } from './memory.js';
import { CountParam, PidParam } from './param-types.js';
import { fold } from './random.js';

/** Each child writes to the page that it shares with its parent, so each fork is followed by a copy. */
export const forkstorm = machine({
  name: 'forkstorm',
  summary: 'Forks short-lived children one after the other, with a bounded number alive and pids used again.',
  waits: true,
  params: Type.Object(
    {
      forks: CountParam(1000, 1, 100_000_000, 'How many children in all.'),
      width: CountParam(8, 1, 10_000, 'How many at a time; as many pids are used.'),
      work: CountParam(10, 0, 1_000_000, 'Ticks that each child lives.'),
      pidBase: PidParam('The first of the pids; the pid behind its own when absent.'),
    },
    { additionalProperties: false },
  ),
  variables: ['forks', 'width', 'work', 'pidBase', 'page', 'child', 'reaped', 'cursor', 'sum'],

  start(sys, { forks, width, work, pidBase }, frame) {
    assign(frame, { forks, width, work, pidBase: pidBase ?? sys.pid + 1 });
    frame.page = mapMemory(sys, PAGE_SIZE);
  },

  states: {
    fork(sys, frame) {
      const { child, width, pidBase, page } = frame;
      // What the children wrote must not be seen here.
      if (child > 0 && sys.mem.u32(page) !== child - 1) return conclude(sys, false);
      sys.mem.setU32(page, child);
      frame.state = 'forked';
      sys.clone({ pid: pidBase + (child % width) });
      return 'ran';
    },

    forked(_, frame) {
      if (frame.ax === 0) {
        frame.state = 'live';
        return 'ran';
      }
      frame.child += 1;
      const { child, reaped, forks, width } = frame;
      frame.state = child < forks && child - reaped < width ? 'fork' : 'reap';
      return 'ran';
    },

    live(sys, frame) {
      const { page, child, cursor, work } = frame;
      if (cursor === work) return conclude(sys, sys.mem.u32(page) === child + work);
      sys.mem.setU32(page, sys.mem.u32(page) + 1);
      frame.cursor = cursor + 1;
      return 'ran';
    },

    reap(sys, frame) {
      const ended = sys.wait(frame.pidBase + (frame.reaped % frame.width));
      if (ended === undefined) return 'blocked';
      if (ended.status !== 0) return conclude(sys, false);
      frame.sum = fold(frame.sum, frame.reaped);
      frame.reaped += 1;
      if (frame.child < frame.forks) frame.state = 'fork';
      if (frame.reaped < frame.forks) return 'ran';
      frame.ax = frame.sum;
      return conclude(sys, sys.mem.u32(frame.page) === frame.forks - 1);
    },
  },
});
