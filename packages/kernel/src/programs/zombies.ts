import { Type } from '@ckptree/schema';
import { assign, conclude, machine } from './machine.js';
import { CountParam, PidParam } from './param-types.js';
import { fold } from './random.js';

/** The status that child `n` ends with. */
const exitCodeOf = (child: number): number => child % 256;

export const zombies = machine({
  name: 'zombies',
  summary:
    'Forks children that end at once, each with its own status, and waits for none until the very end.',
  waits: true,
  params: Type.Object(
    {
      count: CountParam(16, 1, 100_000, 'How many.'),
      ticks: CountParam(1000, 0, 1_000_000_000, 'How many ticks they stay unburied once all were forked.'),
      pidBase: PidParam('Child n has pid pidBase + n, n from 0; the pids behind its own when absent.'),
    },
    { additionalProperties: false },
  ),
  variables: ['count', 'ticks', 'pidBase', 'child', 'cursor', 'sum'],

  start(sys, { count, ticks, pidBase }, frame) {
    assign(frame, { count, ticks, pidBase: pidBase ?? sys.pid + 1 });
  },

  states: {
    fork(sys, frame) {
      frame.state = 'forked';
      sys.clone({ pid: frame.pidBase + frame.child });
      return 'ran';
    },

    forked(sys, frame) {
      if (frame.ax === 0) {
        sys.exit(exitCodeOf(frame.child));
        return 'ran';
      }
      frame.child += 1;
      frame.state = frame.child < frame.count ? 'fork' : 'linger';
      return 'ran';
    },

    linger(_, frame) {
      if (frame.cursor < frame.ticks) {
        frame.cursor += 1;
        return 'ran';
      }
      frame.cursor = 0;
      frame.state = 'reap';
      return 'ran';
    },

    reap(sys, frame) {
      const child = frame.cursor;
      const ended = sys.wait(frame.pidBase + child);
      if (ended === undefined) return 'blocked';
      if (ended.status !== exitCodeOf(child) << 8) return conclude(sys, false);
      frame.sum = fold(frame.sum, ended.status);
      frame.cursor = child + 1;
      if (frame.cursor < frame.count) return 'ran';
      frame.ax = frame.sum;
      return conclude(sys, true);
    },
  },
});
