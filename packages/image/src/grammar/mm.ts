import { AT_VECTOR_SIZE, LDT_ENTRY_SIZE } from '@ckptree/model';
import { LDT_ENTRIES, RECORD_HEADER_SIZE, USER_SPACE_END } from '../constants.js';
import { exactly } from '../lengths.js';
import { hex, many } from '../printable.js';
import { announce } from './announce.js';
import type { State } from './state.js';
import { fixed, payload, type Transition, type Transitions } from './transition.js';
import { vma } from './vmas.js';

const LAYOUT = [
  'start_code',
  'end_code',
  'start_data',
  'end_data',
  'start_brk',
  'brk',
  'start_stack',
  'arg_start',
  'arg_end',
  'env_start',
  'env_end',
] as const;

const mm: Transition = fixed('MM', (context, values, at) => {
  for (const field of LAYOUT)
    if (values[field] > USER_SPACE_END)
      context.report(
        'out-of-range',
        at.field(field),
        `${field} is ${hex(values[field])}, which is not in user space`,
      );
  context.useFile(values.exe_objref, at.field('exe_objref'));
  const mm = context.mm ?? context.startMm(0);
  mm.mapCount = values.map_count;
  mm.values = values;
  return 'auxv';
});

const auxv: Transition = payload(
  exactly(RECORD_HEADER_SIZE + AT_VECTOR_SIZE * 8),
  (context, { view, offset }) => {
    if (context.mm?.values !== undefined)
      context.visitor.mm(
        context.mm.objref,
        context.mm.values,
        new DataView(view.buffer, offset, AT_VECTOR_SIZE * 8),
      );
    return 'vmas';
  },
);

const mmContext: Transition = fixed('MM_CONTEXT', (context, values, at) => {
  const { mm } = context;
  context.useFile(0, at.position);
  if (mm?.mapCount !== undefined && mm.mapCount !== mm.vmas)
    context.report(
      'map-count',
      at.position,
      `the address space has ${many(mm.vmas, 'vma')} and says that it has ${mm.mapCount}`,
    );
  const { vdso, ldt_entry_size, nldt } = values;
  if (vdso > USER_SPACE_END)
    context.report(
      'out-of-range',
      at.field('vdso'),
      `the vdso is at ${hex(vdso)}, which is not in user space`,
    );
  if (ldt_entry_size !== LDT_ENTRY_SIZE)
    context.report(
      'out-of-range',
      at.field('ldt_entry_size'),
      `an entry of the local descriptor table has ${ldt_entry_size} bytes instead of ${LDT_ENTRY_SIZE}`,
    );
  if (nldt > LDT_ENTRIES)
    context.report(
      'out-of-range',
      at.field('nldt'),
      `a local descriptor table of ${nldt} entries; it has at most ${LDT_ENTRIES}`,
    );
  if (mm !== undefined) mm.context = values;
  return 'mm-context-ldt';
});

const ldt: Transition = payload(
  ({ mm }) => exactly(RECORD_HEADER_SIZE + Math.min(mm?.context?.nldt ?? 0, LDT_ENTRIES) * LDT_ENTRY_SIZE),
  (context, { bytes }) => {
    if (context.mm?.context !== undefined) context.visitor.mmContext(context.mm.context, bytes);
    context.mm = undefined;
    return 'objects';
  },
);

export const mmStates = {
  mm: { OBJREF: announce('mm', 'FILE'), MM: mm },
  auxv: { BUFFER: auxv },
  vmas: { OBJREF: announce('vmas', 'FILE'), VMA: vma, MM_CONTEXT: mmContext },
  'mm-context-ldt': { MM_CONTEXT_LDT: ldt },
} satisfies Partial<Record<State, Transitions>>;
