import { CkptError } from '@ckptree/errors';
import type { Definition, SharedObject } from '@ckptree/objhash';
import type { ObjectNumbers, ObjectTypes } from '../objects.js';
import type { Assignment } from './assignment.js';
import type { PartObjects } from './part-objects.js';

interface Entry extends SharedObject {
  /** Another worker writes it. */
  readonly foreign: boolean;
  defined: boolean;
  visited: boolean;
}

/** The numbers that the objects of a part were given where all parts were put together. */
export class AssignedObjects implements ObjectNumbers {
  readonly #entries = new Map<object, Entry>();

  /** @throws EINVAL the assignment is of another part */
  constructor(objects: PartObjects, { tables, mms, files, foreignTables, foreignFiles }: Assignment) {
    this.#enter('FILE_TABLE', objects.tables.list(), tables, foreignTables);
    this.#enter('MM', objects.mms.list(), mms, []);
    this.#enter('FILE', objects.files.list(), files, foreignFiles);
  }

  define<Type extends keyof ObjectTypes & string>(type: Type, object: ObjectTypes[Type]): Definition {
    const entry = this.#visited(type, object);
    const first = !entry.defined && !entry.foreign;
    entry.defined = true;
    return { objref: entry.objref, first, late: false };
  }

  visit<Type extends keyof ObjectTypes & string>(type: Type, object: ObjectTypes[Type]): SharedObject {
    return this.#visited(type, object);
  }

  unvisited(): SharedObject[] {
    return [...this.#entries.values()].filter(({ foreign, visited }) => !foreign && !visited);
  }

  #enter(
    name: string,
    objects: readonly object[],
    objrefs: readonly number[],
    foreign: readonly number[],
  ): void {
    if (objects.length !== objrefs.length)
      throw new CkptError(
        'EINVAL',
        `the assignment numbers ${objrefs.length} objects of type ${name}, and the part has ${objects.length}: it is of another cut`,
        { object: name },
      );
    const isForeign = new Set(foreign);
    for (const [number, object] of objects.entries()) {
      const objref = objrefs[number]!;
      if (objref === 0) continue;
      this.#entries.set(object, {
        objref,
        name,
        object,
        users: 0,
        late: false,
        foreign: isForeign.has(number),
        defined: false,
        visited: false,
      });
    }
  }

  #visited(type: string, object: object): Entry {
    const entry = this.#entries.get(object);
    if (entry === undefined)
      throw new CkptError('EINVAL', `a ${type} that the tasks lead to has no number in the assignment`, {
        object: type,
      });
    entry.visited = true;
    return entry;
  }
}
