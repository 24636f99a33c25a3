import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { type Mm, PAGE_SIZE, type StoredPages, type TaskTree } from '@ckptree/model';

/** Of each page 8 bytes, of which the uppermost bit says that it is in memory: Linux, Documentation/admin-guide/mm/pagemap.rst. */
const ENTRY_SIZE = 8;
const PRESENT = 0x80;
const ADDRESS_RANGE = /^([0-9a-f]+)-([0-9a-f]+) /gm;
/** Above are kernel addresses, of which pagemap knows nothing (vsyscall). */
const USER_END = 2 ** 47;

/** Stretches of addresses, ascending, not overlapping: start, end. */
export type Ranges = readonly (readonly [number, number])[];

/** What of a process is in memory. To be asked before gdb reads all of it: that maps zeros where nothing was. */
export function residentRanges(pid: number): Ranges {
  const pagemap = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    const mappings = [...readFileSync(`/proc/${pid}/maps`, 'latin1').matchAll(ADDRESS_RANGE)]
      .map(([, start, end]) => [Number.parseInt(start!, 16), Number.parseInt(end!, 16)] as const)
      .filter(([start]) => start < USER_END);
    return mappings.flatMap(([start, end]) => residentIn(pagemap, start, end));
  } finally {
    closeSync(pagemap);
  }
}

function residentIn(pagemap: number, start: number, end: number): Ranges {
  const pages = (end - start) / PAGE_SIZE;
  const entries = Buffer.alloc(pages * ENTRY_SIZE);
  readSync(pagemap, entries, 0, entries.length, (start / PAGE_SIZE) * ENTRY_SIZE);
  const isPresent = (page: number): boolean => (entries[(page + 1) * ENTRY_SIZE - 1]! & PRESENT) !== 0;
  const ranges: [number, number][] = [];
  for (let first = 0; first < pages; first++) {
    if (!isPresent(first)) continue;
    let behind = first + 1;
    while (behind < pages && isPresent(behind)) behind++;
    ranges.push([start + first * PAGE_SIZE, start + behind * PAGE_SIZE]);
    first = behind;
  }
  return ranges;
}

/**
 * The tree with no more pages than those within some ranges. A core of gdb has zeros for all that was mapped and never
 * touched, which no checkpoint of a task would hold.
 */
export function restrictTo(ranges: Ranges, tree: TaskTree<StoredPages>): TaskTree<StoredPages> {
  // Threads share one address space, and still must afterwards.
  const spaces = new Map<Mm<StoredPages>, Mm<StoredPages>>();
  const tasks = tree.tasks.map((task) => {
    if (task.mm === undefined) return task;
    const mm = spaces.get(task.mm) ?? {
      ...task.mm,
      memory: { runs: intersection(task.mm.memory.runs, ranges) },
    };
    spaces.set(task.mm, mm);
    return { ...task, mm };
  });
  return { ...tree, tasks };
}

function intersection(runs: Float64Array, ranges: Ranges): Float64Array {
  const kept: number[] = [];
  let next = 0;
  for (let run = 0; run < runs.length; run += 3) {
    const [address, position] = [runs[run]!, runs[run + 1]!];
    const end = address + runs[run + 2]! * PAGE_SIZE;
    while (next < ranges.length && ranges[next]![1] <= address) next++;
    for (let at = next; at < ranges.length && ranges[at]![0] < end; at++) {
      const from = Math.max(address, ranges[at]![0]);
      const until = Math.min(end, ranges[at]![1]);
      kept.push(from, position + from - address, (until - from) / PAGE_SIZE);
    }
  }
  return Float64Array.from(kept);
}
