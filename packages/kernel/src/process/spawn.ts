import { CkptError } from '@ckptree/errors';
import { SIGCHLD } from '@ckptree/model';
import type { SpawnedTask, TableDescription } from '../cpu/messages.js';
import { OPEN_FLAGS } from '../files/open-files.js';
import type { FileObject } from '../memory/file-object.js';
import type { ForestTask, SpawnForest } from '../spec/spawn-forest.js';
import {
  enterAll,
  type NewcomerParts,
  type Newcomers,
  OpenedFiles,
  placeInTree,
  placeOnCpus,
} from './newcomers.js';

/**
 * Enters the tasks of a spec, or of a part of one.
 * @throws EINVAL the forest refers to what it does not hold; EEXIST a pid is taken; EAGAIN the process table is full; what
 *   the host says of a file
 */
export function enterSpawned(
  { table, files, control }: NewcomerParts,
  forest: SpawnForest,
): Newcomers<SpawnedTask[]> {
  const { tasks, rootPid } = forest;
  checkReferences(forest);
  const parents = parentIndexes(tasks);
  const firstUsers = firstUsersOfTables(tasks);
  const opened = new OpenedFiles(files);
  try {
    const kept = forest.files.map(({ path, flags, key }) =>
      opened.keep(files.open(path, OPEN_FLAGS[flags], 0, key)),
    );
    const cpus = placeOnCpus(
      control,
      tasks.map(({ mmOf, table }, index) => [mmOf ?? index, firstUsers[table]!]),
    );
    const slots = enterAll(table, tasks.length, (index, before) => {
      const { pid, ppid, comm, pgid, sid } = tasks[index]!;
      const place = placeInTree({ pid, parent: parents[index], rootPid }, before);
      const identity = { pid, ppid, comm, tgid: 0, pgid, sid, exitSignal: SIGCHLD };
      return table.addLocked({ ...identity, ...place, cpu: cpus[index]!, tree: rootPid });
    });
    const perCpu = new Map<number, SpawnedTask[]>();
    tasks.forEach(({ start, mmOf, table }, index) => {
      const isFirst = firstUsers[table] === index;
      const task: SpawnedTask = {
        slot: slots[index]!,
        ...forest.starts[start]!,
        table: isFirst ? describeTable(forest.tables[table]!, kept, opened) : { list: [] },
        ...(mmOf !== undefined && { mmOf: slots[mmOf]! }),
        ...(!isFirst && { filesOf: slots[firstUsers[table]!]! }),
      };
      const cpu = cpus[index]!;
      const others = perCpu.get(cpu);
      if (others === undefined) perCpu.set(cpu, [task]);
      else others.push(task);
    });
    return { rootPid, slots, perCpu };
  } finally {
    opened.dropAll();
  }
}

function describeTable(
  { key, open }: SpawnForest['tables'][number],
  kept: readonly FileObject[],
  opened: OpenedFiles,
): TableDescription {
  const list = open.map(({ fd, file }) => ({ fd, closeOnExec: false, file: opened.use(kept[file]!) }));
  return { list, ...(key !== undefined && { key }) };
}

function checkReferences({ tasks, starts, tables, files }: SpawnForest): void {
  for (const { open } of tables)
    for (const { file } of open) if (files[file] === undefined) throw strayReference('file', file);
  for (const [index, { start, table, mmOf = -1 }] of tasks.entries()) {
    if (starts[start] === undefined) throw strayReference('start', start);
    if (tables[table] === undefined) throw strayReference('table', table);
    if (mmOf >= index) throw strayReference('task', mmOf);
  }
}

const strayReference = (what: string, index: number): CkptError =>
  new CkptError('EINVAL', `the tasks to start refer to ${what} ${index}, which is not there (yet)`);

function parentIndexes(tasks: readonly ForestTask[]): (number | undefined)[] {
  const positions = new Map(tasks.map(({ pid }, index) => [pid, index]));
  return tasks.map(({ ppid }, index) => {
    const parent = positions.get(ppid);
    return parent === undefined || parent >= index ? undefined : parent;
  });
}

/** For each table the first task that has it. */
function firstUsersOfTables(tasks: readonly ForestTask[]): number[] {
  const first: number[] = [];
  for (const [index, { table }] of tasks.entries()) first[table] ??= index;
  return first;
}
