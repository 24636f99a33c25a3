import { CkptError } from '@ckptree/errors';
import type { ForestTask, SpawnForest } from './spawn-forest.js';
import type { SpawnTask, SpawnTree } from './spawn-tree.js';

export interface SplitOptions {
  /** Names the tree: keys begin with it. */
  readonly treeId: string;
  /** Which worker each task goes to. */
  readonly workerOf: (pid: number) => string;
}

/** A whole tree, for one kernel. */
export function wholeTree(tree: SpawnTree): SpawnForest {
  const { forest } = gather(tree, () => '')
    .values()
    .next().value!;
  const used = new Set(forest.files);
  return { ...forest, files: [...forest.files, ...tree.files.filter((file) => !used.has(file))] };
}

/**
 * A tree in parts, one for each worker that gets tasks of it. Descriptor tables and open files that are in several parts
 * have the same key in each.
 * @throws EINVAL two tasks share an address space and would be apart
 */
export function splitTree(tree: SpawnTree, { treeId, workerOf }: SplitOptions): Map<string, SpawnForest> {
  const parts = gather(tree, workerOf);
  const tableUses = new Uses<number>();
  const fileUses = new Uses<SpawnTree['files'][number]>();
  for (const { tables, forest } of parts.values()) {
    for (const table of tables) tableUses.add(table);
    for (const file of forest.files) fileUses.add(file);
  }
  const fileNumbers = new Map(tree.files.map((file, index) => [file, index]));
  return new Map(
    [...parts].map(([worker, { forest, tables }]) => [
      worker,
      {
        ...forest,
        tables: forest.tables.map((table, index) =>
          tableUses.several(tables[index]!) ? { key: `${treeId}:d${tables[index]!}`, ...table } : table,
        ),
        files: forest.files.map((file) =>
          fileUses.several(file) ? { key: `${treeId}:f${fileNumbers.get(file)!}`, ...file } : file,
        ),
      },
    ]),
  );
}

class Uses<Thing> {
  readonly #counts = new Map<Thing, number>();

  add(thing: Thing): void {
    this.#counts.set(thing, (this.#counts.get(thing) ?? 0) + 1);
  }

  several(thing: Thing): boolean {
    return (this.#counts.get(thing) ?? 0) > 1;
  }
}

function gather(tree: SpawnTree, workerOf: (pid: number) => string): Map<string, Part> {
  const rootPid = tree.tasks[0]!.pid;
  const positions = new Map(tree.tasks.map(({ pid }, index) => [pid, index]));
  const leaders = sessionsAndGroups(tree.tasks, positions);
  const tables: number[] = [];
  const parts = new Map<string, Part>();
  const placed: Part[] = [];
  for (const [index, task] of tree.tasks.entries()) {
    const worker = workerOf(task.pid);
    const part = parts.get(worker) ?? new Part(tree, rootPid);
    parts.set(worker, part);
    const parent = positions.get(task.ppid);
    if (task.shareMm && parent !== undefined && placed[parent] !== part)
      throw new CkptError(
        'EINVAL',
        `task ${task.pid} shares the address space of task ${task.ppid}, so both must be on one worker`,
        { pid: task.pid, comm: task.comm },
      );
    tables.push(task.shareFiles && parent !== undefined ? tables[parent]! : index);
    part.add(index, { leaders: leaders[index]!, table: tables[index]!, parent });
    placed.push(part);
  }
  return parts;
}

/** What one worker gets. */
class Part {
  readonly forest: SpawnForest;
  /** Which tables these are: for each the index of the first task of the tree that has it. */
  readonly tables: number[] = [];
  readonly #tree: SpawnTree;
  /** Where tasks of the tree, their parameters, tables and files are in the forest. */
  readonly #tasks = new Map<number, number>();
  readonly #starts = new Map<object, number>();
  readonly #tables = new Map<number, number>();
  readonly #files = new Map<number, number>();

  constructor(tree: SpawnTree, rootPid: number) {
    this.#tree = tree;
    this.forest = { rootPid, tasks: [], starts: [], tables: [], files: [] };
  }

  add(
    index: number,
    { leaders, table, parent }: { leaders: Leaders; table: number; parent: number | undefined },
  ): void {
    const { pid, ppid, comm, shareMm } = this.#tree.tasks[index]!;
    const mmOf = shareMm && parent !== undefined ? this.#tasks.get(parent) : undefined;
    const task: ForestTask = {
      pid,
      ppid,
      ...leaders,
      comm,
      start: this.#start(this.#tree.tasks[index]!),
      ...(mmOf !== undefined && { mmOf }),
      table: this.#table(table),
    };
    this.#tasks.set(index, this.forest.tasks.push(task) - 1);
  }

  /** Copies of a task have the same parameters: they are told once. */
  #start({ program, params }: SpawnTask): number {
    const known = this.#starts.get(params);
    if (known !== undefined && this.forest.starts[known]!.program === program) return known;
    const start = this.forest.starts.push({ program, params }) - 1;
    this.#starts.set(params, start);
    return start;
  }

  #table(table: number): number {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const open = this.#tree.tasks[table]!.open.map(({ fd, file }) => ({ fd, file: this.#file(file) }));
    this.tables.push(table);
    const position = this.forest.tables.push({ open }) - 1;
    this.#tables.set(table, position);
    return position;
  }

  #file(file: number): number {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    const position = this.forest.files.push(this.#tree.files[file]!) - 1;
    this.#files.set(file, position);
    return position;
  }
}

type Leaders = Pick<ForestTask, 'sid' | 'pgid'>;

/** Sessions and groups go down the tree until a task begins one of its own. */
function sessionsAndGroups(tasks: readonly SpawnTask[], positions: ReadonlyMap<number, number>): Leaders[] {
  const ids: Leaders[] = [];
  for (const { pid, ppid, session, group } of tasks) {
    const above = ids[positions.get(ppid) ?? ids.length];
    const leadsSession = above === undefined || session;
    ids.push({ sid: leadsSession ? pid : above.sid, pgid: leadsSession || group ? pid : above.pgid });
  }
  return ids;
}
