import { CkptError } from '@ckptree/errors';

/** What the hash has to know of one type of object. */
export interface ObjectOps<T extends object> {
  /** The type as reports call it: `FILE`, `MM`. */
  readonly name: string;
  /** Called once, when the object is first met: keeps it alive as long as it is in the hash. */
  grab(object: T): void;
  /** Gives that back. */
  drop(object: T): void;
  /** How many references to the object there are, everybody's; the one that `grab` took is not counted. */
  users(object: T): number;
}

/** One operation table for each type of object. */
export type ObjectOpsTable<Types extends Record<string, object>> = {
  readonly [Type in keyof Types & string]: ObjectOps<Types[Type]>;
};

/** An object in the hash. */
export interface SharedObject<T extends object = object> {
  /** Counts from 1 in the order in which objects are first met. */
  readonly objref: number;
  /** The name of its type. */
  readonly name: string;
  readonly object: T;
  /** References that were met. */
  readonly users: number;
  /** First met after the collection was closed. */
  readonly late: boolean;
  /** Was defined, or at least seen again, after the collection. */
  readonly visited: boolean;
}

/** An object that is also used by somebody whom the collection did not meet, or no longer by somebody whom it did. */
export interface Leak extends SharedObject {
  /** References to it that there really are. */
  readonly realUsers: number;
}

/** What `define` tells. */
export interface Definition {
  readonly objref: number;
  /** Nobody defined it before: it is to be written here. */
  readonly first: boolean;
  /** The collection did not meet the object. */
  readonly late: boolean;
}

interface Entry extends SharedObject {
  users: number;
  visited: boolean;
  defined: boolean;
  readonly type: string;
  readonly ops: ObjectOps<object>;
}

/**
 * The shared objects of one checkpoint, by identity. A checkpoint goes through two passes. The first collects: it
 * meets every object as often as the tree refers to it, so that `leaks()` can tell which objects have users
 * outside the tree. `closeCollection()` ends it. The second defines: it asks for each object whether it is to be
 * written here, and `late` and `unvisited()` tell where the two passes disagree, because the tree changed in between.
 */
export class ObjHash<Types extends Record<string, object>> {
  readonly #ops: ObjectOpsTable<Types>;
  readonly #entries: Entry[] = [];
  readonly #byObject = new Map<object, Entry>();
  #closed = false;

  constructor(ops: ObjectOpsTable<Types>) {
    this.#ops = ops;
  }

  /** Objects in the hash; also the highest objref. */
  get size(): number {
    return this.#entries.length;
  }

  /**
   * Counts one more user of an object.
   * @returns true when it was met for the first time: then what it consists of is to be collected, too
   * @throws EINVAL the object is in the hash as another type
   */
  collect<Type extends keyof Types & string>(type: Type, object: Types[Type]): boolean {
    const known = this.#find(type, object);
    const entry = known ?? this.#add(type, object);
    entry.users++;
    return known === undefined;
  }

  /** Ends the collection: objects that are first met from now on are `late`. */
  closeCollection(): void {
    this.#closed = true;
  }

  /**
   * Says that an object is to be defined here, unless it is already, and marks it as visited. One that is not in the
   * hash is added, with no users.
   * @throws EINVAL the object is in the hash as another type
   */
  define<Type extends keyof Types & string>(type: Type, object: Types[Type]): Definition {
    const entry = this.#visited(type, object);
    const first = !entry.defined;
    entry.defined = true;
    return { objref: entry.objref, first, late: entry.late };
  }

  /**
   * Marks an object as visited though nothing defines it here.
   * @throws EINVAL the object is in the hash as another type
   */
  visit<Type extends keyof Types & string>(type: Type, object: Types[Type]): SharedObject {
    return this.#visited(type, object);
  }

  lookup<T extends object>(object: T): SharedObject<T> | undefined {
    return this.#byObject.get(object) as SharedObject<T> | undefined;
  }

  lookupObjref(objref: number): SharedObject | undefined {
    return this.#entries[objref - 1];
  }

  /** Every object whose real users are not those that were collected, by objref. None: the tree is contained. */
  leaks(): Leak[] {
    return this.#entries.flatMap((entry) => {
      const realUsers = entry.ops.users(entry.object);
      return realUsers === entry.users ? [] : [{ ...shown(entry), realUsers }];
    });
  }

  /** Every object that was first met after the collection was closed, by objref. */
  reverseLeaks(): SharedObject[] {
    return this.#entries.filter(({ late }) => late);
  }

  /** Every object that was collected and never visited, by objref. */
  unvisited(): SharedObject[] {
    return this.#entries.filter(({ visited }) => !visited);
  }

  /**
   * Drops every object, the last one first, and forgets them.
   * @throws what the first failing drop threw, after all have been dropped
   */
  clear(): void {
    const failures: unknown[] = [];
    for (const { ops, object } of this.#entries.splice(0).reverse()) {
      try {
        ops.drop(object);
      } catch (error) {
        failures.push(error);
      }
    }
    this.#byObject.clear();
    this.#closed = false;
    if (failures.length > 0) throw failures[0];
  }

  #visited<Type extends keyof Types & string>(type: Type, object: Types[Type]): Entry {
    const entry = this.#find(type, object) ?? this.#add(type, object);
    entry.visited = true;
    return entry;
  }

  #find(type: string, object: object): Entry | undefined {
    const entry = this.#byObject.get(object);
    if (entry !== undefined && entry.type !== type)
      throw new CkptError('EINVAL', `object ${entry.objref} is a ${entry.name} and was met as a ${type}`, {
        object: entry.name,
        objref: entry.objref,
      });
    return entry;
  }

  #add<Type extends keyof Types & string>(type: Type, object: Types[Type]): Entry {
    const ops: ObjectOps<Types[Type]> = this.#ops[type];
    // First the grab: an object that cannot be kept alive must not be found in the hash.
    ops.grab(object);
    const entry: Entry = {
      objref: this.#entries.length + 1,
      name: ops.name,
      object,
      users: 0,
      late: this.#closed,
      visited: false,
      defined: false,
      type,
      // Sound because an entry's operations are only ever applied to its own object.
      ops: ops as unknown as ObjectOps<object>,
    };
    this.#entries.push(entry);
    this.#byObject.set(object, entry);
    return entry;
  }
}

const shown = ({ objref, name, object, users, late, visited }: Entry): SharedObject => ({
  objref,
  name,
  object,
  users,
  late,
  visited,
});
