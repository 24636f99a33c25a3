import {
  BATCH_PAGES,
  encodeAuxv,
  encodeFile,
  encodeFileDesc,
  encodeFileTable,
  encodeHead,
  encodeMm,
  encodeMmContext,
  encodeObjref,
  encodePagesEnd,
  encodeTail,
  encodeTask,
  encodeTaskObjs,
  encodeTree,
  encodeVma,
  hasContents,
  type ImageHead,
  pagesHeader,
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
    file === undefined ? 0 : objrefOf(file, (_, objref) => put('file', encodeFile(file, objref)));

  function putTable(table: FileTable, objref: number): void {
    put('file-table', encodeFileTable(table, objref));
    for (const descriptor of table.descriptors) {
      const file = fileObjref(descriptor.file);
      put('file-desc', encodeFileDesc(descriptor, file));
    }
  }

  function putMm(mm: Mm<Pages>, objref: number): void {
    put('mm-objref', encodeObjref('MM', objref));
    const exe = fileObjref(mm.exe);
    put('mm', encodeMm(mm, exe));
    put('auxv', encodeAuxv(mm.auxv));
    for (const vma of mm.vmas) {
      const file = fileObjref(vma.file);
      put('vma', encodeVma(vma, file));
      if (!hasContents(vma)) continue;
      const inside = [...mm.memory].filter(([address]) => address >= vma.start && address < vma.end);
      for (let first = 0; first < inside.length; first += pagesPerBatch) {
        const batch = inside.slice(first, first + pagesPerBatch);
        put('batch', pagesHeader(batch.map(([address]) => address)));
        for (const [, page] of batch) put('page', page);
      }
      put('pages-end', encodePagesEnd());
    }
    put('mm-context', encodeMmContext(mm.context));
  }

  put('head', encodeHead(head));
  put('tree', encodeTree(tasks));
  for (const task of tasks) {
    put('task', encodeTask(task));
    if (task.exitState !== 0) continue;
    const files = task.files === undefined ? 0 : objrefOf(task.files, putTable);
    const mm = task.mm === undefined ? 0 : objrefOf(task.mm, putMm);
    put('task-objs', encodeTaskObjs({ files, mm }));
  }
  put('tail', encodeTail());
  return parts;
}

export const joinParts = (parts: readonly Part[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map(({ bytes }) => bytes)));

export const writeImage = (...parameters: Parameters<typeof imageParts>): Uint8Array =>
  joinParts(imageParts(...parameters));
