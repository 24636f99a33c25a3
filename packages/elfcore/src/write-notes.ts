import type { Mm, StoredPages, Task } from '@ckptree/model';
import { encodeAuxv } from './auxv.js';
import { NHDR, NT } from './elf.js';
import { encodeMappedFiles, type MappedFile } from './mapped-files.js';
import { encodeProcessInfo, encodeThreadStatus } from './process-notes.js';
import { CKPTREE_OWNER, NT_CKPTREE_TREE } from './read-notes.js';
import { encodeTreeNote } from './tree-note.js';

/**
 * The notes of a core. The process comes first, then its threads, as debuggers want it.
 * @param chosen  the task that the core is of; debuggers show the first thread as the current one
 * @param mm      its address space
 * @param group   its thread group in the order of the tree, zombies included
 */
export function encodeNotes(
  chosen: Task<StoredPages>,
  mm: Mm<StoredPages>,
  group: readonly Task<StoredPages>[],
): Uint8Array {
  const { tgid, ppid, pgid, sid, comm, state } = chosen;
  const files = mappedFiles(mm);
  const chosenFirst = [chosen, ...group.filter((task) => task !== chosen)];
  return Buffer.concat([
    encodeNote('CORE', NT.PRPSINFO, encodeProcessInfo({ pid: tgid, ppid, pgid, sid, comm }, state)),
    ...chosenFirst.flatMap((task) =>
      task.registers === undefined
        ? []
        : [encodeNote('CORE', NT.PRSTATUS, encodeThreadStatus(task, task.registers))],
    ),
    encodeNote('CORE', NT.AUXV, encodeAuxv(mm.auxv)),
    ...(files.length > 0 ? [encodeNote('CORE', NT.FILE, encodeMappedFiles(files))] : []),
    encodeNote(CKPTREE_OWNER, NT_CKPTREE_TREE, encodeTreeNote(mm, group)),
  ]);
}

function mappedFiles({ vmas }: Mm<StoredPages>): MappedFile[] {
  return vmas.flatMap(({ start, end, pgoff, file }) =>
    file === undefined ? [] : [{ start, end, pgoff, path: file.path }],
  );
}

/** Owner and descriptor are each padded to a multiple of 4. */
function encodeNote(owner: string, type: number, desc: Uint8Array): Uint8Array {
  const name = new TextEncoder().encode(`${owner}\0`);
  const head = NHDR.encode({ namesz: name.length, descsz: desc.length, type });
  return Buffer.concat([head, padded(name), padded(desc)]);
}

const padded = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([bytes, new Uint8Array(Math.ceil(bytes.length / 4) * 4 - bytes.length)]);
