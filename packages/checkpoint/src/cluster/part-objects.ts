import type { FileTable, Mm, OpenFile, TaskTree } from '@ckptree/model';

/** The objects of a part of a cut, numbered in the order in which its tasks lead to them: the same for the same part. */
export class PartObjects {
  readonly tables = new Numbers<FileTable>();
  readonly mms = new Numbers<Mm>();
  readonly files = new Numbers<OpenFile>();

  constructor({ tasks }: TaskTree) {
    for (const { files: table, mm } of tasks) {
      if (table !== undefined && this.tables.add(table))
        for (const { file } of table.descriptors) this.files.add(file);
      if (mm === undefined || !this.mms.add(mm)) continue;
      if (mm.exe !== undefined) this.files.add(mm.exe);
      for (const { file } of mm.vmas) if (file !== undefined) this.files.add(file);
    }
  }
}

/** Things and their numbers, from 0. */
class Numbers<Thing> {
  readonly #numbers = new Map<Thing, number>();

  /** @returns whether it is new */
  add(thing: Thing): boolean {
    if (this.#numbers.has(thing)) return false;
    this.#numbers.set(thing, this.#numbers.size);
    return true;
  }

  /** In order. */
  list(): Thing[] {
    return [...this.#numbers.keys()];
  }

  /** The number of a thing that is there; -1 of none. */
  of(thing: Thing | undefined): number {
    return thing === undefined ? -1 : this.#numbers.get(thing)!;
  }
}
