import { OBJECT_TYPE, type ObjectTypeName } from '../constants.js';
import type { FindingCode } from '../rules.js';

const TYPE_NAMES = new Map(
  Object.entries(OBJECT_TYPE).map(([name, type]) => [type as number, name as ObjectTypeName]),
);

/** The name of an `objtype`; undefined when the format has no such type. */
export const objectTypeName = (type: number): ObjectTypeName | undefined => TYPE_NAMES.get(type);

/** After damage an objref may be this much ahead of the last one and still be believed. */
const LARGEST_GAP = 16;

/**
 * The shared objects of an image: which objref is of which type, that each is defined once, in order, and before
 * it is used. One byte an object, whatever the objrefs claim.
 */
export class Objects {
  readonly #report: (code: FindingCode, position: number, message: string) => void;
  /** `objtype` by objref; 0: not defined. */
  #types = new Uint8Array(64);
  #last = 0;

  constructor(report: (code: FindingCode, position: number, message: string) => void) {
    this.#report = report;
  }

  /** An object is written: its objref is the next one. */
  define(type: ObjectTypeName, objref: number, position: number): void {
    const defined = this.#typeOf(objref);
    if (defined !== undefined)
      this.#report(
        'objref',
        position,
        `objref ${objref} is defined again, as ${type}; it is a ${defined} already`,
      );
    else if (objref !== this.#last + 1)
      this.#report('objref', position, `objref ${objref} is defined where ${this.#last + 1} is next`);
    if (defined === undefined && objref > 0 && objref <= this.#last + LARGEST_GAP) this.#keep(type, objref);
  }

  /** An object is used. @param objref 0 for none */
  use(type: ObjectTypeName, objref: number, position: number): void {
    if (objref === 0) return;
    const defined = this.#typeOf(objref);
    if (defined === undefined)
      this.#report(
        'object-undefined',
        position,
        `objref ${objref} is used as ${type}, and no such object is written before`,
      );
    else if (defined !== type)
      this.#report('object-mismatch', position, `objref ${objref} is used as ${type}; it is a ${defined}`);
  }

  #typeOf(objref: number): ObjectTypeName | undefined {
    return objectTypeName(this.#types[objref] ?? 0);
  }

  #keep(type: ObjectTypeName, objref: number): void {
    if (objref >= this.#types.length) {
      const types = new Uint8Array(2 * objref);
      types.set(this.#types);
      this.#types = types;
    }
    this.#types[objref] = OBJECT_TYPE[type];
    this.#last = Math.max(this.#last, objref);
  }
}
