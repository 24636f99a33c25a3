import type { ObjectTypeName } from '../constants.js';
import type { RecordValues } from '../records.js';
import type { Context } from './context.js';
import { objectTypeName } from './objects.js';
import type { State } from './state.js';
import { fixed, type Place, type Transition, type Transitions } from './transition.js';

/** Where each type of object of a task is announced, what comes next. */
const objref: Transition = fixed('OBJREF', (context, { objtype, objref }, at) => {
  switch (objectTypeName(objtype)) {
    case 'FILE_TABLE':
      checkTurn(context, 'FILE_TABLE', at.position);
      context.objects.define('FILE_TABLE', objref, at.position);
      context.startFileTable(objref);
      return 'file-table';
    case 'MM':
      checkTurn(context, 'MM', at.position);
      context.objects.define('MM', objref, at.position);
      context.startMm(objref);
      return 'mm';
    default:
      reportObject(context, objtype, 'FILE_TABLE or MM', at);
      return 'objects';
  }
});

/** A task writes its file table before its address space, and each at most once. */
function checkTurn(context: Context, type: 'FILE_TABLE' | 'MM', position: number): void {
  const { newFileTable = 0, newMm = 0 } = context.task ?? {};
  if (newMm !== 0 || (type === 'FILE_TABLE' && newFileTable !== 0))
    context.report('record-order', position, `OBJREF of ${type} stands where TASK_OBJS should be`);
}

/** An object is announced that has no place here. */
export function reportObject(
  context: Context,
  objtype: number,
  expected: string,
  at: Place<'objtype' | 'objref'>,
): void {
  const type = objectTypeName(objtype);
  if (type === undefined)
    context.report('out-of-range', at.field('objtype'), `there are no shared objects of type ${objtype}`);
  else if (type === 'FILE' || type === 'FILE_TABLE' || type === 'MM')
    context.report(
      'record-order',
      at.position,
      `OBJREF of ${type} stands where OBJREF of ${expected} may be`,
    );
  else context.report('object-type', at.field('objtype'), `shared objects of type ${type} are not supported`);
}

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
  return 'task';
});

export const taskObjectStates = {
  objects: { OBJREF: objref, TASK_OBJS: taskObjs },
} satisfies Partial<Record<State, Transitions>>;
