import type { ObjectTypeName } from '../constants.js';
import type { RecordValues } from '../records.js';
import { announce } from './announce.js';
import type { State } from './state.js';
import { fixed, type Transition, type Transitions } from './transition.js';

const USES: readonly (readonly [keyof RecordValues<'TASK_OBJS'>, ObjectTypeName])[] = [
  ['files_objref', 'FILE_TABLE'],
  ['mm_objref', 'MM'],
  ['fs_objref', 'FS'],
  ['sighand_objref', 'SIGHAND'],
  ['signal_objref', 'SIGNAL'],
];

const taskObjs: Transition = fixed('TASK_OBJS', (context, objrefs, at) => {
  const { newFileTable = 0, newMm = 0 } = context.task ?? {};
  if (newFileTable !== 0 && newFileTable !== objrefs.files_objref)
    context.report(
      'object-unused',
      at.position,
      `the task does not use its file table, objref ${newFileTable}`,
    );
  if (newMm !== 0 && newMm !== objrefs.mm_objref)
    context.report('object-unused', at.position, `the task does not use its address space, objref ${newMm}`);
  for (const [field, type] of USES) context.objects.use(type, objrefs[field], at.field(field));
  context.visitor.taskObjs(objrefs);
  context.endTask();
  return 'task';
});

export const taskObjsStates = {
  objects: { OBJREF: announce('objects', 'FILE_TABLE', 'MM'), TASK_OBJS: taskObjs },
} satisfies Partial<Record<State, Transitions>>;
