import { readTree } from '@ckptree/image';
import { type Mm, PAGE_SIZE, SIGCHLD, type StoredPages, type Task, VM, type Vma } from '@ckptree/model';
import { openFileSource } from '@ckptree/restart/file-source';
import { hostAndCheckpoint } from './capture.js';

export interface ForkedTasks {
  readonly tasks: number;
  /** Of each task. */
  readonly pages: number;
  /** One page in so many is a task's own; the others are those of the first task. */
  readonly ownOneIn: number;
}

/** A task of the new tree may lie anywhere below this; each gets its memory from here on. */
const START = 0x10_0000_0000;

/**
 * Makes an image of tasks as if forked: each has the pages of the first one, but for some of its own, which come from
 * elsewhere in the same real memory.
 * @returns how many different pages there are, at most
 */
export async function imageOfForkedTasks(
  memory: string,
  { tasks: count, pages, ownOneIn }: ForkedTasks,
  image: string,
): Promise<number> {
  const file = openFileSource(memory);
  try {
    const { tree } = await readTree(file);
    const template = tree.tasks[0]!;
    const positions = positionsOf(template.mm!.memory);
    const own = Math.ceil(pages / ownOneIn);
    const tasks = Array.from({ length: count }, (_, number) => {
      const runs = new Float64Array(3 * pages);
      let next = pages + number * own;
      for (let page = 0; page < pages; page++) {
        const isOwn = number > 0 && page % ownOneIn === number % ownOneIn;
        runs.set(
          [START + page * PAGE_SIZE, positions[(isOwn ? next++ : page) % positions.length]!, 1],
          3 * page,
        );
      }
      return taskOf(template, number, { runs });
    });
    await hostAndCheckpoint(file, { rootPid: tasks[0]!.pid, tasks }, image);
    return pages + (count - 1) * own;
  } finally {
    file.close();
  }
}

/** Of each page. */
function positionsOf({ runs }: StoredPages): number[] {
  const positions: number[] = [];
  for (let run = 0; run < runs.length; run += 3)
    for (let page = 0; page < runs[run + 2]!; page++) positions.push(runs[run + 1]! + page * PAGE_SIZE);
  return positions;
}

function taskOf(template: Task<StoredPages>, number: number, memory: StoredPages): Task<StoredPages> {
  const { files, mm, ...identity } = template;
  const pages = memory.runs.length / 3;
  const vma: Vma = {
    ...{ start: START, end: START + pages * PAGE_SIZE, flags: VM.READ | VM.WRITE, pageProt: 0n },
    ...{ pgoff: START / PAGE_SIZE, ops: 'none' },
  };
  const pid = number + 1;
  const space: Mm<StoredPages> = {
    ...{ ...mm!, id: pid, users: 1, memory, mapCount: 1, vmas: [vma] },
    ...{ layout: NO_LAYOUT, context: { vdso: 0, ldt: new Uint8Array() } },
  };
  return {
    ...{ ...identity, pid, ppid: number === 0 ? 0 : 1, tgid: pid, pgid: 1, sid: 1, comm: `task${pid}` },
    ...{ exitSignal: SIGCHLD, mm: space, files: { ...files!, id: pid, users: 1 } },
  };
}

// biome-ignore format: all the same
const NO_LAYOUT = {
  startCode: 0, endCode: 0, startData: 0, endData: 0, startBrk: 0, brk: 0,
  startStack: 0, argStart: 0, argEnd: 0, envStart: 0, envEnd: 0,
};
