import type { ByteSource, FileDescriptor, FileTable, Mm, StoredPages, Task } from '@ckptree/model';
import type { ImageContents, TaskRecords } from '../read/contents.js';
import type { ReadOptions } from '../walk.js';
import { PageComparer } from './compare-pages.js';
import { type Describer, describeHead, describer } from './describe.js';
import { diffMm, type Sides } from './diff-mm.js';
import { differences } from './fields.js';
import { Listing } from './listing.js';
import type { DiffReport, FieldDifference } from './report.js';

/** An image to compare. The source is read at any place, so a forward-only one will not do. */
export interface DiffSide {
  readonly contents: ImageContents;
  readonly source: ByteSource;
}

/** A task of one image. */
interface ImageTask {
  readonly task: Task<StoredPages>;
  readonly records: TaskRecords | undefined;
}

/**
 * How two images differ: every field of the head, the tasks, files and address spaces, and every page, whose contents
 * are read in step from both. Tasks are matched by pid; an address space or file table is compared with that of the
 * same task. Of page contents 1 MiB is held at a time, and of what differs MOST_LISTED entries. `options.onProgress` is told the bytes of page contents that
 * both have and that are compared.
 * @throws EINTR `options.signal` was aborted; EIO a source ends before its contents; what the sources throw
 */
export async function diffTrees(a: DiffSide, b: DiffSide, options: ReadOptions = {}): Promise<DiffReport> {
  const describe = { a: describer(a.contents), b: describer(b.contents) };
  const tasks = { a: byPid(a.contents), b: byPid(b.contents) };
  const pairs = matchTasks(tasks);
  const pages = { compared: 0, differ: 0, onlyInA: 0, onlyInB: 0 };
  const comparer = new PageComparer(a.source, b.source, options);
  const listing = new Listing();
  const report = {
    head: listing.some(differences(describeHead(a.contents), describeHead(b.contents))),
    tasksOnlyInA: listing.some(onlyIn(tasks.a, tasks.b)),
    tasksOnlyInB: listing.some(onlyIn(tasks.b, tasks.a)),
    tasks: pairs
      .map((pair) => ({
        pid: pair.pid,
        comm: pair.a.task.comm,
        fields: listing.some(diffTasks(pair, describe)),
      }))
      .filter(({ fields }) => fields.length > 0),
    fileTables: diffFileTables(pairs, describe, listing),
    addressSpaces: [] as DiffReport['addressSpaces'],
  };
  for (const pair of sharedPairs(pairs, ({ mm }) => mm)) {
    const { fields, vmas } = await diffMm(pair, describe, { comparer, listing, totals: pages });
    if (fields.length > 0 || vmas.length > 0)
      report.addressSpaces.push({ pids: pair.pids, a: pair.a.id, b: pair.b.id, fields, vmas });
  }
  const equal = Object.values(report).every((list) => list.length === 0);
  return { equal, ...report, moreDifferences: listing.more, pages };
}

const byPid = ({ tree, taskRecords }: ImageContents): Map<number, ImageTask> =>
  new Map(tree.tasks.map((task, index) => [task.pid, { task, records: taskRecords[index] }]));

const onlyIn = (some: ReadonlyMap<number, ImageTask>, others: ReadonlyMap<number, ImageTask>) =>
  [...some.values()]
    .filter(({ task }) => !others.has(task.pid))
    .map(({ task: { pid, comm } }) => ({ pid, comm }));

/** A task that both images have, and its place in the order of those that both have. */
interface TaskPair extends Sides<ImageTask> {
  readonly pid: number;
  readonly places: Sides<number>;
}

function matchTasks({ a, b }: Sides<ReadonlyMap<number, ImageTask>>): TaskPair[] {
  const places = new Map([...b.keys()].filter((pid) => a.has(pid)).map((pid, place) => [pid, place]));
  return [...a]
    .filter(([pid]) => places.has(pid))
    .map(([pid, inA], place) => ({
      pid,
      a: inA,
      b: b.get(pid)!,
      places: { a: place, b: places.get(pid)! },
    }));
}

function diffTasks({ a, b, places }: TaskPair, describe: Sides<Describer>) {
  const whole = (a.task.exitState === 0) === (b.task.exitState === 0);
  return differences(
    describe.a.task(a.task, places.a, a.records, whole),
    describe.b.task(b.task, places.b, b.records, whole),
  );
}

function diffFileTables(
  pairs: readonly TaskPair[],
  describe: Sides<Describer>,
  listing: Listing,
): DiffReport['fileTables'] {
  return sharedPairs<FileTable>(pairs, ({ files }) => files)
    .map(({ a, b, pids }) => ({
      pids,
      a: a.id,
      b: b.id,
      fields: diffDescriptors({ a: a.descriptors, b: b.descriptors }, describe, listing),
    }))
    .filter(({ fields }) => fields.length > 0);
}

/** Both are ascending by descriptor and gone through in step: one of each is described at a time, however many there are. */
function diffDescriptors(
  { a, b }: Sides<readonly FileDescriptor[]>,
  describe: Sides<Describer>,
  listing: Listing,
): FieldDifference[] {
  const found: FieldDifference[] = [];
  for (let [atA, atB] = [0, 0]; atA < a.length || atB < b.length; ) {
    const fd = Math.min(a[atA]?.fd ?? Number.POSITIVE_INFINITY, b[atB]?.fd ?? Number.POSITIVE_INFINITY);
    const inA = a[atA]?.fd === fd ? a[atA++] : undefined;
    const inB = b[atB]?.fd === fd ? b[atB++] : undefined;
    const described = [inA && describe.a.descriptor(inA), inB && describe.b.descriptor(inB)] as const;
    found.push(...listing.some(differences(...described, `descriptors.${fd}`)));
  }
  return found;
}

interface SharedPair<T> extends Sides<T> {
  readonly pids: number[];
}

/** The shared objects of matched tasks, each pair of objects once, with the tasks that have that pair. */
function sharedPairs<T extends FileTable | Mm<StoredPages>>(
  pairs: readonly TaskPair[],
  objectOf: (task: Task<StoredPages>) => T | undefined,
): SharedPair<T>[] {
  const found = new Map<string, SharedPair<T>>();
  for (const { pid, a, b } of pairs) {
    const [inA, inB] = [objectOf(a.task), objectOf(b.task)];
    if (inA === undefined || inB === undefined) continue;
    const key = `${inA.id} ${inB.id}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { a: inA, b: inB, pids: [pid] });
    else known.pids.push(pid);
  }
  return [...found.values()];
}
