import { PAGE_SIZE, vmaRange } from '@ckptree/model';
import { damaged } from './exact-reader.js';
import type { TreeNote } from './tree-schema.js';

/** A name has room for so many bytes beside its NUL. */
const COMM_BYTES = 15;

/**
 * Holds what the schema of a CKPTREE note cannot say: the rules that the verification of an image holds too, so that
 * whoever takes a tree may rely on them wherever it comes from.
 * @param position of the note, for errors
 * @throws EBADMSG
 */
export function checkTreeNote(note: TreeNote, position: number): void {
  const refuse = (what: string): never => {
    throw damaged(position, `the note CKPTREE ${what}`);
  };
  checkTasks(note, refuse);
  checkFileTables(note, refuse);
  checkVmas(note, refuse);
  checkWords(note, refuse);
}

type Refuse = (what: string) => never;

function checkTasks({ tasks, fileTables }: TreeNote, refuse: Refuse): void {
  const before = new Set<number>();
  const groups = new Set<number>();
  for (const { pid, ppid, tgid, comm, fileTable } of tasks) {
    if (before.has(pid)) refuse(`has two tasks ${pid}`);
    if (before.size > 0 && !before.has(ppid) && !groups.has(tgid))
      refuse(`has task ${pid} before its parent ${ppid} and all others of its thread group ${tgid}`);
    if (Buffer.byteLength(comm) > COMM_BYTES) refuse(`has a name of more than ${COMM_BYTES} bytes: ${comm}`);
    if (fileTable !== undefined) within(fileTable, fileTables, 'file table', refuse);
    before.add(pid);
    groups.add(tgid);
  }
}

function checkFileTables({ fileTables, files }: TreeNote, refuse: Refuse): void {
  for (const table of fileTables) {
    let last = -1;
    for (const { fd, file } of table) {
      if (fd <= last) refuse(`has descriptor ${fd} behind ${last}`);
      within(file, files, 'file', refuse);
      last = fd;
    }
  }
}

function checkVmas({ mm, files }: TreeNote, refuse: Refuse): void {
  let behind = 0;
  for (const vma of mm.vmas) {
    const { start, end, ops, file } = vma;
    if (start < behind || end <= start) refuse(`has the vma ${vmaRange(vma)}, empty or out of order`);
    if (start % PAGE_SIZE !== 0 || end % PAGE_SIZE !== 0) refuse(`has the vma ${vmaRange(vma)} at no page`);
    if ((ops === 'file') !== (file !== undefined))
      refuse(`has the vma ${vmaRange(vma)} at odds with its file`);
    if (file !== undefined) within(file, files, 'file', refuse);
    behind = end;
  }
  if (mm.exe !== undefined) within(mm.exe, files, 'file', refuse);
}

function within(place: number, list: readonly unknown[], what: string, refuse: Refuse): void {
  if (place >= list.length) refuse(`refers to ${what} ${place}, but has ${list.length}`);
}

/** The schema bounds the digits; here the value. */
function checkWords({ tasks, files, mm }: TreeNote, refuse: Refuse): void {
  const words = [
    ...tasks.flatMap((task) => [task.setChildTid, task.clearChildTid, task.robustList]),
    ...files.map(({ version }) => version),
    ...mm.vmas.map(({ pageProt }) => pageProt),
    ...[mm.flags, mm.defFlags],
  ];
  const over = words.find((word) => BigInt(word) >= 1n << 64n);
  if (over !== undefined) refuse(`has the number ${over}, of more than 64 bits`);
}
