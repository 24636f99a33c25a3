import {
  BATCH_PAGES,
  encode,
  hasContents,
  type ImageHead,
  pagesHeader,
  putAuxv,
  putFile,
  putFileDesc,
  putFileTable,
  putHead,
  putMm,
  putMmContext,
  putObjref,
  putPagesEnd,
  putTail,
  putTask,
  putTaskObjs,
  putTree,
  putVma,
} from '@ckptree/image';
import type { FileTable, Mm, OpenFile, Task } from '@ckptree/model';

/** Page contents by address, ascending. */
export type Pages = ReadonlyMap<number, Uint8Array>;

/** One record or batch of an image: what it is, and its bytes. */
export interface Part {
  readonly label: string;
  readonly bytes: Uint8Array;
}

/** A plain sequential writer: the reference that the reader is tested against. */
export function imageParts(
  head: ImageHead,
  tasks: readonly Task<Pages>[],
  pagesPerBatch = BATCH_PAGES,
): Part[] {
  const parts: Part[] = [];
  const objrefs = new Map<object, number>();
  const put = (label: string, bytes: Uint8Array) => parts.push({ label, bytes });

  /** The objref of an object, which is written here when it is met for the first time. */
  function objrefOf<T extends object>(object: T, write: (object: T, objref: number) => void): number {
    const known = objrefs.get(object);
    if (known !== undefined) return known;
    const objref = objrefs.size + 1;
    objrefs.set(object, objref);
    write(object, objref);
    return objref;
  }
  const fileObjref = (file: OpenFile | undefined) =>
    file === undefined ? 0 : objrefOf(file, (_, objref) => put('file', encode(putFile, file, objref)));

  function addTable(table: FileTable, objref: number): void {
    put('file-table', encode(putFileTable, table, objref));
    for (const descriptor of table.descriptors) {
      const file = fileObjref(descriptor.file);
      put('file-desc', encode(putFileDesc, descriptor, file));
    }
  }

  function addMm(mm: Mm<Pages>, objref: number): void {
    put('mm-objref', encode(putObjref, 'MM', objref));
    const exe = fileObjref(mm.exe);
    put('mm', encode(putMm, mm, exe));
    put('auxv', encode(putAuxv, mm.auxv));
    for (const vma of mm.vmas) {
      const file = fileObjref(vma.file);
      put('vma', encode(putVma, vma, file));
      if (!hasContents(vma)) continue;
      const inside = [...mm.memory].filter(([address]) => address >= vma.start && address < vma.end);
      for (let first = 0; first < inside.length; first += pagesPerBatch) {
        const batch = inside.slice(first, first + pagesPerBatch);
        put('batch', pagesHeader(batch.map(([address]) => address)));
        for (const [, page] of batch) put('page', page);
      }
      put('pages-end', encode(putPagesEnd));
    }
    put('mm-context', encode(putMmContext, mm.context));
  }

  put('head', encode(putHead, head));
  put('tree', encode(putTree, tasks));
  for (const task of tasks) {
    put('task', encode(putTask, task));
    if (task.exitState !== 0) continue;
    const files = task.files === undefined ? 0 : objrefOf(task.files, addTable);
    const mm = task.mm === undefined ? 0 : objrefOf(task.mm, addMm);
    put('task-objs', encode(putTaskObjs, { files, mm }));
  }
  put('tail', encode(putTail));
  return parts;
}

export const joinParts = (parts: readonly Part[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map(({ bytes }) => bytes)));

export const writeImage = (...parameters: Parameters<typeof imageParts>): Uint8Array =>
  joinParts(imageParts(...parameters));
