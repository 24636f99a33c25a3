import { PAGE_SIZE, VM, type VmFlag } from '@ckptree/model';
import { Type } from '@ckptree/schema';
import { conclude, machine } from './machine.js';
import { CountParam } from './param-types.js';

export const special = machine({
  name: 'special',
  summary:
    'Maps memory with given flags for a while; with SHARED, IO, HUGETLB and others no checkpoint can be taken.',
  params: Type.Object(
    {
      flags: Type.Array(Type.Enum(Object.keys(VM) as VmFlag[]), {
        default: ['SHARED'],
        minItems: 1,
        maxItems: 32,
        uniqueItems: true,
        description: 'The flags of the vma, beside READ and WRITE.',
      }),
      pages: CountParam(1, 1, 65_536, 'Pages of it.'),
      ticks: CountParam(1000, 0, 1_000_000_000, 'How many ticks it is mapped.'),
    },
    { additionalProperties: false },
  ),
  variables: ['memory', 'length', 'ticks', 'cursor'],

  start(sys, { flags, pages, ticks }, frame) {
    frame.length = pages * PAGE_SIZE;
    frame.ticks = ticks;
    frame.memory = sys.mmap({
      length: frame.length,
      prot: { read: true, write: true },
      flags: flags.reduce((bits, flag) => bits | VM[flag], 0),
    });
  },

  states: {
    hold(sys, frame) {
      if (frame.cursor < frame.ticks) {
        frame.cursor += 1;
        return 'ran';
      }
      sys.munmap(frame.memory, frame.length);
      return conclude(sys, true);
    },
  },
});
