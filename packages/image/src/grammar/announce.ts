import type { ObjectTypeName } from '../constants.js';
import type { Context } from './context.js';
import { objectTypeName } from './objects.js';
import type { State } from './state.js';
import { fixed, type Place, type Transition } from './transition.js';

type At = Place<'objtype' | 'objref'>;

/** The objects that have records of their own. */
type Written = 'FILE_TABLE' | 'MM' | 'FILE';

const isWritten = (type: ObjectTypeName | undefined): type is Written =>
  type === 'FILE_TABLE' || type === 'MM' || type === 'FILE';

/**
 * An object is announced; its records follow.
 * @param here    the state in which that happens, to which a file returns
 * @param allowed what may be announced there
 */
export const announce = (here: State, ...allowed: readonly Written[]): Transition =>
  fixed('OBJREF', (context, { objtype, objref }, at) => {
    const type = objectTypeName(objtype);
    context.useFile(0, at.position);
    if (!isWritten(type)) {
      reportType(context, objtype, at);
      // Its records have no place in the grammar.
      context.lose();
      return here;
    }
    if (!isInTurn(context, type, allowed))
      context.report('record-order', at.position, `an OBJREF of ${type} may not stand here`);
    context.objects.define(type, objref, at.position);
    return start(context, type, objref, here);
  });

/** A task writes its file table before its address space, and each at most once. */
function isInTurn({ task, fileTable }: Context, type: Written, allowed: readonly Written[]): boolean {
  // After damage it is not known where the descriptors end.
  const mayHaveEnded = fileTable !== undefined && fileTable.left === undefined;
  if (type === 'FILE') return allowed.includes(type);
  if (!allowed.includes(type) && !mayHaveEnded) return false;
  return (task?.newMm ?? 0) === 0 && (type === 'MM' || (task?.newFileTable ?? 0) === 0);
}

function start(context: Context, type: Written, objref: number, here: State): State {
  switch (type) {
    case 'FILE_TABLE':
      context.startFileTable(objref);
      return 'file-table';
    case 'MM':
      context.startMm(objref);
      return 'mm';
    case 'FILE':
      context.file = { objref, user: here, values: undefined };
      return 'file';
  }
}

function reportType(context: Context, objtype: number, at: At): void {
  const type = objectTypeName(objtype);
  if (type === undefined)
    context.report('out-of-range', at.field('objtype'), `there are no shared objects of type ${objtype}`);
  else context.report('object-type', at.field('objtype'), `shared objects of type ${type} are not supported`);
}
