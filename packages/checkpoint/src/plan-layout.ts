import type { TaskTree } from '@ckptree/model';
import { PAGE_SIZE } from '@ckptree/model';
import type { ImageLayout, MemoryLayout } from '@ckptree/store';
import { batchHeadSize } from './batch-head.js';
import { fillBatch } from './dump-batch.js';
import { PageArrayChain } from './page-array-chain.js';
import type { Batch, Plan } from './plan.js';
import { PlanSource } from './plan-source.js';

/** A planned image as a store takes it: where its pages are, in which frames, and all of its bytes. */
export function planLayout(plan: Plan, { tasks, rootPid }: TaskTree): ImageLayout {
  const byPid = new Map(tasks.map((task) => [task.pid, task]));
  const frames: Int32Array[] = [];
  const memories: MemoryLayout[] = [];
  for (const { kind, pid, batches } of plan.segments) {
    if (kind !== 'mm') continue;
    const { comm, ppid } = byPid.get(pid)!;
    const pages = pagesOf(plan.batches.slice(batches.start, batches.end));
    memories.push({ owner: { pid, comm }, ppid, ...pages });
    frames.push(...pages.batchFrames);
  }
  return {
    size: plan.size,
    source: new PlanSource(plan, frames),
    memories,
    tree: {
      rootPid,
      comm: byPid.get(rootPid)?.comm ?? '',
      tasks: plan.figures.tasks,
      mms: plan.figures.mms,
      pages: plan.figures.pages,
    },
  };
}

/** The pages of one address space. */
function pagesOf(
  batches: readonly Batch[],
): Required<Pick<MemoryLayout, 'runs' | 'frames'>> & { readonly batchFrames: Int32Array[] } {
  const frames = new Int32Array(batches.reduce((sum, { pages }) => sum + pages, 0));
  const batchFrames: Int32Array[] = [];
  const runs: number[] = [];
  const chain = new PageArrayChain();
  let page = 0;
  for (const batch of batches) {
    fillBatch(chain, batch);
    const first = page;
    let position = batch.position + batchHeadSize(batch.pages);
    // Between two batches there is always something: a run never goes on from one to the next.
    let next = -1;
    for (const array of chain.arrays)
      for (let index = 0; index < array.used; index++, position += PAGE_SIZE) {
        const address = array.address(index);
        if (address === next) runs[runs.length - 1]!++;
        else runs.push(address, position, 1);
        next = address + PAGE_SIZE;
        frames[page++] = array.frames[index]!;
      }
    batchFrames.push(frames.subarray(first, page));
  }
  return { runs: Float64Array.from(runs), frames, batchFrames };
}
