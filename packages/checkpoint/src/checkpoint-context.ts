import { CkptError } from '@ckptree/errors';
import type { SharedObject } from '@ckptree/objhash';
import type { Debug } from './debug.js';
import type { ObjectNumbers, ObjectTypes } from './objects.js';
import type { PlanBuilder } from './plan-builder.js';

/** What every step of planning works with: the seed's `struct ckpt_ctx`. */
export class CheckpointContext {
  readonly hash: ObjectNumbers;
  readonly plan: PlanBuilder;
  /** A subtree may share objects with tasks outside of it; a container may not. */
  readonly subtree: boolean;
  readonly debug: Debug;
  readonly #defined = { FILE_TABLE: 0, FILE: 0, MM: 0 };

  constructor(hash: ObjectNumbers, plan: PlanBuilder, subtree: boolean, debug: Debug) {
    this.hash = hash;
    this.plan = plan;
    this.subtree = subtree;
    this.debug = debug;
  }

  /**
   * Makes sure that the image defines an object: calls `write` where it is first reached.
   * @returns its objref
   * @throws EBUSY container mode, and the collection did not meet it: somebody made it meanwhile
   */
  checkpointObject<Type extends keyof ObjectTypes & string>(
    type: Type,
    object: ObjectTypes[Type],
    write: (objref: number) => void,
  ): number {
    const { objref, first, late } = this.hash.define(type, object);
    this.#checkReverseLeak(type, objref, late);
    if (first) {
      this.#defined[type]++;
      write(objref);
    }
    return objref;
  }

  /**
   * Marks an object as seen, which the image may not define.
   * @throws EBUSY container mode, and the collection did not meet it
   */
  visitObject<Type extends keyof ObjectTypes & string>(type: Type, object: ObjectTypes[Type]): void {
    const { objref, late } = this.hash.visit(type, object);
    this.#checkReverseLeak(type, objref, late);
  }

  /** How many objects of a type the image defines so far. */
  defined(type: keyof ObjectTypes): number {
    return this.#defined[type];
  }

  /** @throws EBUSY container mode, and an object was collected that nobody reached afterwards */
  checkVisited(): void {
    const unvisited: readonly SharedObject[] = this.subtree ? [] : this.hash.unvisited();
    const [object] = unvisited;
    if (object === undefined) return;
    throw new CkptError(
      'EBUSY',
      `${object.name} ${object.objref} was collected and is not in the tree any more (${unvisited.length} in all)`,
      { object: object.name, objref: object.objref },
    );
  }

  #checkReverseLeak(type: string, objref: number, late: boolean): void {
    if (late && !this.subtree)
      throw new CkptError('EBUSY', `${type} ${objref} came into the tree after its objects were collected`, {
        object: type,
        objref,
      });
  }
}
