import { at, CkptError } from '@ckptree/errors';
import { hasContents } from '@ckptree/image';
import type { Mm, OpenFile, TaskTree } from '@ckptree/model';
import { checkAddressSpace } from '../checkpoint-mm.js';
import { PageScan } from '../page-scan.js';
import { PartObjects } from './part-objects.js';
import type { Skeleton } from './skeleton.js';

/**
 * What a worker tells of its part of a cut. What cannot be saved is refused here, before anything is written anywhere.
 * @throws ENOSYS, EBUSY, EINVAL as `planCheckpoint`, with the worker's name
 */
export function describePart(worker: string, part: TaskTree): Skeleton {
  const { tasks } = part;
  checkSavable(worker, part);
  const objects = new PartObjects(part);
  const comms = new Texts();
  const paths = new Texts();
  const tables = objects.tables.list();
  const mms = objects.mms.list();
  const files = objects.files.list();
  const numbersOf = (list: readonly { readonly file: OpenFile }[]) =>
    list.map(({ file }) => objects.files.of(file));
  return {
    worker,
    tasks: {
      pid: tasks.map(({ pid }) => pid),
      ppid: tasks.map(({ ppid }) => ppid),
      tgid: tasks.map(({ pid, tgid }) => (tgid === pid ? 0 : tgid)),
      pgid: tasks.map(({ pgid }) => pgid),
      sid: tasks.map(({ sid }) => sid),
      comm: tasks.map(({ comm }) => comms.number(comm)),
      table: tasks.map((task) => objects.tables.of(task.files)),
      mm: tasks.map(({ mm }) => objects.mms.of(mm)),
    },
    zombies: tasks.flatMap(({ exitState }, index) => (exitState === 0 ? [] : [index])),
    comms: comms.list,
    tables: {
      users: tables.map(({ users }) => users),
      files: tables.map(({ descriptors }) => numbersOf(descriptors)),
      keyed: tables.flatMap(({ key, descriptors }, table) => {
        if (key === undefined) return [];
        const fds = descriptors.map(({ fd, closeOnExec }) => (closeOnExec ? -1 - fd : fd));
        return [{ table, key, fds }];
      }),
    },
    mms: {
      users: mms.map(({ users }) => users),
      exe: mms.map(({ exe }) => objects.files.of(exe)),
      vmas: mms.map(({ vmas }) =>
        vmas.flatMap(({ file, ops }) => {
          if (file === undefined) return [];
          const number = objects.files.of(file);
          return [ops === 'special' ? -1 - number : number];
        }),
      ),
      pages: mms.map(countPages),
    },
    files: {
      users: files.map(({ users }) => users),
      path: files.map(({ path }) => paths.number(path)),
      keyed: files.flatMap(({ key }, file) => (key === undefined ? [] : [{ file, key }])),
    },
    paths: paths.list,
  };
}

function checkSavable(worker: string, { tasks }: TaskTree): void {
  const checked = new Set<Mm>();
  for (const { pid, comm, mm } of tasks) {
    if (mm === undefined || checked.has(mm)) continue;
    checked.add(mm);
    try {
      checkAddressSpace(mm);
    } catch (error) {
      throw onWorker(worker, at(error, { pid, comm, object: 'MM' }));
    }
  }
}

/** The same error, and where: with several workers a pid alone says too little to a reader. */
export function onWorker(worker: string, error: unknown): CkptError {
  const { code, message, fields, cause } = at(error, { worker });
  return new CkptError(code, `on worker ${worker}: ${message}`, fields, cause);
}

function countPages({ vmas, memory }: Mm): number {
  let pages = 0;
  for (const vma of vmas)
    if (hasContents(vma)) pages += new PageScan(memory, vma.start, vma.end).skip(Number.MAX_SAFE_INTEGER);
  return pages;
}

/** Texts that come often, told once. */
class Texts {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.list.push(text) - 1;
    this.#numbers.set(text, number);
    return number;
  }
}
