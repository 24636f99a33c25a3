import type { MemoryVersions, TaskTree } from '@ckptree/model';
import type { Baseline, ImageLayout, MemoryLayout } from '@ckptree/store';
import { memoryPages } from './memory-pages.js';
import type { Batch, Plan } from './plan.js';
import { PlanSource } from './plan-source.js';

/** The memory that one with this history came about from, where the image goes. */
export type BaselineOf = (history: readonly MemoryVersions[]) => Promise<Baseline | undefined>;

/** A planned image as a store takes it: where its pages are, in which frames, and all of its bytes. */
export async function planLayout(
  plan: Plan,
  { tasks, rootPid }: TaskTree,
  baselineOf: BaselineOf = async () => undefined,
): Promise<ImageLayout> {
  const byPid = new Map(tasks.map((task) => [task.pid, task]));
  const memories: MemoryLayout[] = [];
  for (const { kind, pid, batches } of plan.segments) {
    if (kind !== 'mm' || batches.start === batches.end) continue;
    const { comm, ppid } = byPid.get(pid)!;
    const memory = await memoryLayout(plan.batches.slice(batches.start, batches.end), baselineOf);
    memories.push({ owner: { pid, comm, ...memory.version }, ppid, ...memory.layout });
  }
  return {
    size: plan.size,
    source: new PlanSource(plan),
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

/** @param batches of one address space */
async function memoryLayout(batches: readonly Batch[], baselineOf: BaselineOf) {
  const { memory } = batches[0]!;
  const { history = [] } = memory;
  const [own] = history;
  if (own === undefined) return { layout: memoryPages(batches), version: {} };
  return {
    layout: memoryPages(batches, await baselineOf(history)),
    version: { version: { incarnation: own.incarnation, epoch: own.last } },
  };
}
