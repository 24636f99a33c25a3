import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpoint } from '@ckptree/checkpoint';
import { readCore } from '@ckptree/elfcore';
import { CkptError } from '@ckptree/errors';
import { Kernel } from '@ckptree/kernel';
import { PAGE_SIZE, type StoredPages, type TaskTree } from '@ckptree/model';
import { hostTree } from '@ckptree/restart';
import { type FileSource, openFileSource } from '@ckptree/restart/file-source';
import { residentRanges, restrictTo } from './resident-pages.js';

/** MiB of each kind of content. */
export interface MemoryMix {
  readonly heap: number;
  readonly random: number;
  readonly zeros: number;
}

const MIB = 2 ** 20;
/** A heap of 16 GiB takes minutes. */
const READY_TIMEOUT_MS = 15 * 60_000;
/** Where source texts are: what this repository has installed. */
const SOURCES = new URL('../../../../node_modules', import.meta.url).pathname;

/**
 * An image of the memory of a real process: a Node that has built syntax trees, documents, maps, buffers (heap-process.ts),
 * taken by gdb's gcore, hosted, and checkpointed as any tree is.
 * @throws EPERM gdb may not look into the process; EIO the process or gdb failed
 */
export async function captureHeap(folder: string, mix: MemoryMix, image: string): Promise<void> {
  const child = await startHeap(mix);
  const core = join(folder, 'heap.core');
  try {
    const resident = residentRanges(child.pid!);
    const { status, stdout, stderr } = spawnSync(
      'gdb',
      ['-nx', '-batch', '-p', `${child.pid}`, '-ex', `gcore ${core}`],
      { encoding: 'utf8' },
    );
    if (status !== 0 || !stdout.includes('Saved corefile'))
      throw new CkptError('EPERM', `gdb took no core of process ${child.pid}: ${stderr.trim().slice(-500)}`);
    await imageOfCore(core, image, (tree) => restrictTo(resident, tree));
  } finally {
    child.kill('SIGKILL');
    await rm(core, { force: true });
  }
}

async function startHeap({ heap, random, zeros }: MemoryMix): Promise<ChildProcess> {
  const program = new URL('./heap-process.js', import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${4 * heap + 512}`, program, SOURCES, `${heap}`, `${random}`, `${zeros}`],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  try {
    const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
    await Promise.race([
      once(child.stdout!, 'data', { signal }),
      once(child, 'exit', { signal }).then(() => {
        throw new CkptError('EIO', 'the process that builds a heap ended before it had one');
      }),
    ]);
    return child;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** Hosts a core and takes a checkpoint of it. */
export async function imageOfCore(
  core: string,
  image: string,
  reduce: (tree: TaskTree<StoredPages>) => TaskTree<StoredPages> = (tree) => tree,
): Promise<void> {
  const file = openFileSource(core);
  try {
    await hostAndCheckpoint(file, reduce(await readCore(file)), image);
  } finally {
    file.close();
  }
}

/** Hosts tasks whose pages lie in a file, and takes a checkpoint of them. */
export async function hostAndCheckpoint(
  file: FileSource,
  tree: TaskTree<StoredPages>,
  image: string,
): Promise<void> {
  const pages = new Set(tree.tasks.flatMap(({ mm }) => (mm === undefined ? [] : [mm.memory.runs])));
  const bytes = [...pages].reduce((sum, runs) => sum + pagesIn(runs) * PAGE_SIZE, 0);
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: bytes * 1.1 + 512 * MIB });
  try {
    const { rootPid: root } = await hostTree(kernel, file, tree, { frozen: true });
    await checkpoint(kernel, root, { output: image });
  } finally {
    await kernel.shutdown();
  }
}

function pagesIn(runs: Float64Array): number {
  let pages = 0;
  for (let run = 2; run < runs.length; run += 3) pages += runs[run]!;
  return pages;
}
