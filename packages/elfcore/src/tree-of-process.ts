import {
  type FileTable,
  FMODE,
  type Mm,
  type OpenFile,
  SIGCHLD,
  type StoredPages,
  TASK_STATE,
  type Task,
  type TaskTree,
} from '@ckptree/model';
import { AT, auxvValue } from './auxv.js';
import { TASK_SIZE } from './elf.js';
import { deriveLayout } from './layout.js';
import type { MappedFile } from './mapped-files.js';
import type { ProcessInfo } from './process-notes.js';
import { stackPointerOf, toCpuRecord } from './registers.js';
import { storedPages } from './stored-pages.js';
import type { CoreParts } from './tree-of-note.js';
import { vmasOf } from './vmas.js';

/** The program of tasks whose code the simulated kernel cannot run: it only keeps their memory. */
export const HOSTED_EXECUTABLE = '/ckptree/bin/hosted';

interface ProcessParts extends CoreParts {
  readonly process?: ProcessInfo | undefined;
  readonly mappedFiles: readonly MappedFile[];
}

/** The threads of a real process as tasks that share one address space and one empty descriptor table. */
export function treeOfProcess(core: ProcessParts): TaskTree<StoredPages> {
  const { process, threads } = core;
  const leader = threads.find(({ pid }) => pid === process?.pid) ?? threads[0]!;
  const order = [leader, ...threads.filter((thread) => thread !== leader)];

  const files: FileTable = { id: 1, users: threads.length, descriptors: [] };
  const mm = addressSpace(core, stackPointerOf(toCpuRecord(leader.userRegs)));
  const tasks = order.map((thread): Task<StoredPages> => {
    const { ppid, pgid, sid } = process ?? thread;
    return {
      ...{ pid: thread.pid, ppid, tgid: leader.pid, pgid, sid, comm: process?.comm ?? '' },
      ...{ state: TASK_STATE.RUNNING, exitState: 0, exitCode: 0, pdeathSignal: 0 },
      exitSignal: thread === leader ? SIGCHLD : -1,
      ...{ setChildTid: 0n, clearChildTid: 0n, robustList: 0n },
      ...{ registers: toCpuRecord(thread.userRegs), mm, files },
    };
  });
  return { rootPid: leader.pid, tasks };
}

function addressSpace({ threads, auxv, loads, mappedFiles }: ProcessParts, sp: bigint): Mm<StoredPages> {
  const vdso = vdsoOf(auxv);
  const exe: OpenFile = { ...READ_ONLY_FILE, id: 3, users: 1, path: HOSTED_EXECUTABLE };
  const vmas = vmasOf(loads, mappedFiles, vdso, openFilesFrom(exe.id + 1));
  return {
    ...{ id: 2, users: threads.length, flags: 0n, defFlags: 0n, auxv, exe },
    layout: deriveLayout(vmas, auxv, sp),
    context: { vdso, ldt: new Uint8Array() },
    ...{ mapCount: vmas.length, vmas, outstandingAio: 0, memory: storedPages(vmas, loads) },
  };
}

function vdsoOf(auxv: BigUint64Array): number {
  const address = auxvValue(auxv, AT.SYSINFO_EHDR) ?? 0n;
  return address < BigInt(TASK_SIZE) ? Number(address) : 0;
}

/** How a loader opens what it maps; a core tells neither that nor what the file contained. */
const READ_ONLY_FILE = {
  mode: FMODE.READ | FMODE.LSEEK | FMODE.PREAD,
  flags: 0,
  pos: 0,
  version: 0n,
} as const;

/**
 * One open file a path: whether a process opened it twice, a core does not tell. Each call is for one more mapping.
 * @param firstId id of the first file; they count on from there
 */
function openFilesFrom(firstId: number): (path: string) => OpenFile {
  const files = new Map<string, OpenFile & { users: number }>();
  return (path) => {
    const file = files.get(path) ?? { ...READ_ONLY_FILE, id: firstId + files.size, users: 0, path };
    files.set(path, file);
    file.users++;
    return file;
  };
}
