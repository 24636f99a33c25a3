import type { FileTable, Mm, OpenFile, StoredPages, TaskTree } from '@ckptree/model';

/** The shared objects of a tree, each once, in the order in which they are first met. */
export interface SharedObjects {
  /** With the tasks that use them. */
  readonly mms: ReadonlyMap<Mm<StoredPages>, readonly number[]>;
  readonly fileTables: ReadonlyMap<FileTable, readonly number[]>;
  /** With the place where each is first met: `fd 3 of task 7`. */
  readonly files: ReadonlyMap<OpenFile, string>;
}

export function sharedObjects({ tasks }: TaskTree<StoredPages>): SharedObjects {
  const mms = new Map<Mm<StoredPages>, number[]>();
  const fileTables = new Map<FileTable, number[]>();
  const files = new Map<OpenFile, string>();
  const meet = (file: OpenFile, place: string) => {
    if (!files.has(file)) files.set(file, place);
  };
  for (const { pid, files: table, mm } of tasks) {
    if (table !== undefined && addUser(fileTables, table, pid))
      for (const { fd, file } of table.descriptors) meet(file, `fd ${fd} of task ${pid}`);
    if (mm !== undefined && addUser(mms, mm, pid)) {
      if (mm.exe !== undefined) meet(mm.exe, `executable of task ${pid}`);
      for (const { file, start } of mm.vmas)
        if (file !== undefined) meet(file, `vma ${start.toString(16)} of task ${pid}`);
    }
  }
  return { mms, fileTables, files };
}

/** @returns whether it is the first user */
function addUser<T>(users: Map<T, number[]>, object: T, pid: number): boolean {
  const known = users.get(object);
  if (known === undefined) users.set(object, [pid]);
  else known.push(pid);
  return known === undefined;
}
