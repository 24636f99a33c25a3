import { CkptError } from '@ckptree/errors';
import { documentCheck, type Static, Type } from '@ckptree/schema';

const Index = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 });
const Objrefs = (of: string) =>
  Type.Array(Index, { description: `The objref of each of the ${of} of the part; 0: not in the tree.` });

/** What one worker is told to write: which of its tasks are saved, in which order, and the numbers of its objects. */
export const Assignment = Type.Object(
  {
    subtree: Type.Boolean({ description: 'The tree may share objects with tasks outside of it.' }),
    order: Type.Array(Index, {
      description:
        'The tasks of the part in the order of the image, as pairs: a task, and how many from it on follow each other.',
    }),
    segments: Type.Array(Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }), {
      description: 'How many of these tasks each segment consists of.',
    }),
    tables: Objrefs('descriptor tables'),
    mms: Objrefs('address spaces'),
    files: Objrefs('open files'),
    foreignTables: Type.Array(Index, { description: 'Tables that another worker writes.' }),
    foreignFiles: Type.Array(Index, { description: 'Open files that another worker writes.' }),
  },
  { additionalProperties: false },
);

export type Assignment = Static<typeof Assignment>;

const checkShape = documentCheck(Assignment);

/** Gives a document that came from a coordinator its type. @throws EBADMSG it is no assignment, or contradicts itself */
export function checkAssignment(document: unknown): Assignment {
  const assignment = checkShape('the assignment', document);
  const found = contradictionIn(assignment);
  if (found === undefined) return assignment;
  throw new CkptError('EBADMSG', `the assignment contradicts itself: ${found.fault}`, { field: found.field });
}

interface Contradiction {
  readonly field: string;
  readonly fault: string;
}

/** What would have a task or an object written twice, or a segment end nowhere. */
function contradictionIn({ order, segments, ...objects }: Assignment): Contradiction | undefined {
  if (order.length % 2 !== 0) return { field: '/order', fault: 'its order does not consist of pairs' };
  const pairs = order.flatMap((first, at) => (at % 2 === 0 ? [{ first, end: first + order[at + 1]! }] : []));
  const ordered = pairs.reduce((sum, { first, end }) => sum + end - first, 0);
  const assigned = segments.reduce((sum, tasks) => sum + tasks, 0);
  if (ordered !== assigned)
    return {
      field: '/segments',
      fault: `it orders ${ordered} tasks, and its segments consist of ${assigned}`,
    };
  // A pair may stand for very many tasks, so none of them is looked at by itself.
  const ascending = pairs.toSorted((one, other) => one.first - other.first);
  const overlapping = ascending.find(({ first }, at) => at > 0 && first < ascending[at - 1]!.end);
  if (overlapping !== undefined)
    return { field: '/order', fault: `it orders task ${overlapping.first} twice` };
  const objrefs = [objects.tables, objects.mms, objects.files].flat().filter((objref) => objref > 0);
  return new Set(objrefs).size === objrefs.length
    ? undefined
    : { field: '/', fault: 'it gives two objects one number' };
}

/** The tasks that an assignment is about, in order. */
export function* orderedTasks({ order }: Assignment): Generator<number> {
  for (let pair = 0; pair < order.length; pair += 2)
    for (let step = 0; step < order[pair + 1]!; step++) yield order[pair]! + step;
}

/** Numbers as `Assignment.order` has them. */
export function pairsOf(tasks: readonly number[]): number[] {
  const pairs: number[] = [];
  for (const task of tasks) {
    const length = pairs.length;
    if (length > 0 && pairs[length - 2]! + pairs[length - 1]! === task) pairs[length - 1]!++;
    else pairs.push(task, 1);
  }
  return pairs;
}
