import { KERNEL_SLOT, SLOT, SLOT_WORDS } from './slot.js';

/**
 * The tree of tasks, as links between the slots of the process table: parent, first and last child, and the siblings on
 * both sides. Children are in the order in which they came. All of it wants the table's lock held.
 */
export class TaskLinks {
  readonly #slots: Int32Array;

  /** @param slots the words of all slots, SLOT_WORDS each */
  constructor(slots: Int32Array) {
    this.#slots = slots;
  }

  /** Hangs a slot that is in no tree below a parent, as its last child. */
  add(slot: number, parent: number): void {
    const last = this.#get(parent, SLOT.LAST_CHILD);
    this.#set(slot, SLOT.PARENT, parent);
    this.#set(slot, SLOT.PREVIOUS, last);
    this.#set(slot, SLOT.NEXT, 0);
    this.#set(parent, SLOT.LAST_CHILD, slot);
    if (last === 0) this.#set(parent, SLOT.FIRST_CHILD, slot);
    else this.#set(last, SLOT.NEXT, slot);
  }

  /** Takes a slot away from its parent. Those below it stay below it. */
  remove(slot: number): void {
    const parent = this.#get(slot, SLOT.PARENT);
    const next = this.#get(slot, SLOT.NEXT);
    const previous = this.#get(slot, SLOT.PREVIOUS);
    if (previous === 0) this.#set(parent, SLOT.FIRST_CHILD, next);
    else this.#set(previous, SLOT.NEXT, next);
    if (next === 0) this.#set(parent, SLOT.LAST_CHILD, previous);
    else this.#set(next, SLOT.PREVIOUS, previous);
  }

  children(slot: number): number[] {
    const slots: number[] = [];
    for (let child = this.#get(slot, SLOT.FIRST_CHILD); child !== 0; child = this.#get(child, SLOT.NEXT))
      slots.push(child);
    return slots;
  }

  /** A slot and all below it, depth-first. */
  subtree(root: number): number[] {
    const slots: number[] = [];
    const pending = [root];
    for (let slot = pending.pop(); slot !== undefined; slot = pending.pop()) {
      slots.push(slot);
      for (let child = this.#get(slot, SLOT.LAST_CHILD); child !== 0; child = this.#get(child, SLOT.PREVIOUS))
        pending.push(child);
    }
    return slots;
  }

  /** The topmost ancestor, whose parent is the kernel: the root of the tree, or of a fragment of it. */
  root(slot: number): number {
    let root = slot;
    for (let up = this.#get(root, SLOT.PARENT); up !== KERNEL_SLOT; up = this.#get(root, SLOT.PARENT))
      root = up;
    return root;
  }

  #get(slot: number, word: number): number {
    return this.#slots[slot * SLOT_WORDS + word]!;
  }

  #set(slot: number, word: number, value: number): void {
    this.#slots[slot * SLOT_WORDS + word] = value;
  }
}
