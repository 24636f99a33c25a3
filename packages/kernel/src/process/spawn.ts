import { SIGCHLD } from '@ckptree/model';
import type { SpawnedTask } from '../cpu/messages.js';
import { OPEN_FLAGS } from '../files/open-files.js';
import type { SpawnTask, SpawnTree } from '../spec/spawn-tree.js';
import { enterAll, type NewcomerParts, type Newcomers, OpenedFiles, placeOnCpus } from './newcomers.js';
import { FLAG, KERNEL_SLOT } from './slot.js';

/**
 * Enters the tasks of a spec.
 * @throws EEXIST a pid is taken; EAGAIN the process table is full; what the host says of a file
 */
export function enterSpawned(
  { table, files, control }: NewcomerParts,
  tree: SpawnTree,
): Newcomers<SpawnedTask[]> {
  const parents = parentIndexes(tree.tasks);
  const leaders = sessionsAndGroups(tree.tasks, parents);
  const opened = new OpenedFiles(files);
  try {
    const kept = tree.files.map(({ path, flags }) => opened.keep(files.open(path, OPEN_FLAGS[flags])));
    const cpus = placeOnCpus(
      control,
      tree.tasks.map(({ shareMm, shareFiles }, index) =>
        shareMm || shareFiles ? parents[index] : undefined,
      ),
    );
    const slots = enterAll(table, tree.tasks.length, (index, before) => {
      const { pid, ppid, comm } = tree.tasks[index]!;
      const parent = parents[index] === undefined ? KERNEL_SLOT : before[parents[index]]!;
      const identity = { pid, ppid, comm, tgid: 0, ...leaders[index]! };
      return table.addLocked({
        ...identity,
        parent,
        cpu: cpus[index]!,
        exitSignal: SIGCHLD,
        flags: FLAG.INCOMING,
      });
    });
    const perCpu = new Map<number, SpawnedTask[]>();
    tree.tasks.forEach(({ program, params, open, shareMm, shareFiles }, index) => {
      const parent = parents[index] === undefined ? undefined : slots[parents[index]]!;
      const task: SpawnedTask = {
        slot: slots[index]!,
        program,
        params,
        descriptors: open.map(({ fd, file }) => ({ fd, closeOnExec: false, file: opened.use(kept[file]!) })),
        ...(shareMm && parent !== undefined ? { mmOf: parent } : {}),
        ...(shareFiles && parent !== undefined ? { filesOf: parent } : {}),
      };
      const cpu = cpus[index]!;
      const others = perCpu.get(cpu);
      if (others === undefined) perCpu.set(cpu, [task]);
      else others.push(task);
    });
    return { rootPid: tree.tasks[0]!.pid, slots, perCpu };
  } finally {
    opened.dropAll();
  }
}

function parentIndexes(tasks: readonly SpawnTask[]): (number | undefined)[] {
  const positions = new Map(tasks.map(({ pid }, index) => [pid, index]));
  return tasks.map(({ ppid }) => positions.get(ppid));
}

/** Sessions and groups go down the tree until a task begins one of its own. */
function sessionsAndGroups(tasks: readonly SpawnTask[], parents: readonly (number | undefined)[]) {
  const ids: { sid: number; pgid: number }[] = [];
  tasks.forEach(({ pid, session, group }, index) => {
    const above = parents[index] === undefined ? undefined : ids[parents[index]];
    const leadsSession = above === undefined || session;
    ids.push({ sid: leadsSession ? pid : above.sid, pgid: leadsSession || group ? pid : above.pgid });
  });
  return ids;
}
