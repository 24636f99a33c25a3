import { resolve } from 'node:path';
import { CkptError } from '@ckptree/errors';
import { prepareParams } from '../programs/params.js';
import { programNamed } from '../programs/registry.js';
import { MAX_TASKS, PID_MAX, type SpecDocument, type TaskSpec } from './schema.js';
import type { SpawnTask, SpawnTree } from './spawn-tree.js';

/** What all copies of a task have in common. */
type Traits = Omit<SpawnTask, 'pid' | 'ppid'>;

/**
 * The tree that a valid document describes: repeats written out, pids given, names of files and programs looked up.
 * @throws E2BIG too many tasks; EEXIST a pid, descriptor or file name is there twice; ENOENT a program or file name
 *   is not; EINVAL wrong parameters, or something is shared that cannot be
 */
export function expand(document: SpecDocument, baseFolder: string): SpawnTree {
  const { root, files = [] } = document;
  holdTaskLimit(root);
  if ((root.repeat ?? 1) !== 1)
    throw fault('EINVAL', 'there is one root; it cannot be repeated', '/root/repeat');
  const fileNumbers = numberFiles(files);
  const tasks: SpawnTask[] = [];
  const pointers = new Map<number, string>();
  const traitsOfSpec = new Map<TaskSpec, Traits>();

  const claim = (pid: number, pointer: string): number => {
    const holder = pointers.get(pid);
    if (holder !== undefined)
      throw fault(
        'EEXIST',
        `pid ${pid} of ${pointer} is that of ${holder} already; give one of them another pid`,
        `${pointer}/pid`,
      );
    if (pid > PID_MAX)
      throw fault('EINVAL', `pids from ${pointer} on are above ${PID_MAX}`, `${pointer}/pid`);
    pointers.set(pid, pointer);
    return pid;
  };

  const add = (spec: TaskSpec, parent: SpawnTask | undefined, pointer: string): void => {
    const traits = traitsOfSpec.get(spec) ?? traitsOf(spec, parent, pointer, fileNumbers, baseFolder);
    traitsOfSpec.set(spec, traits);
    for (let copy = 0; copy < (spec.repeat ?? 1); copy++) {
      const next = (tasks.at(-1)?.pid ?? 0) + 1;
      const pid = claim(copy === 0 ? (spec.pid ?? next) : next, pointer);
      const task = { pid, ppid: parent?.pid ?? 0, ...traits };
      tasks.push(task);
      for (const [index, child] of (spec.children ?? []).entries())
        add(child, task, `${pointer}/children/${index}`);
    }
  };

  add(root, undefined, '/root');
  return { tasks, files: files.map(({ path, flags }) => ({ path: resolve(baseFolder, path), flags })) };
}

function holdTaskLimit(root: TaskSpec): void {
  const tasksIn = ({ repeat = 1, children = [] }: TaskSpec): number =>
    repeat * children.reduce((sum, child) => sum + tasksIn(child), 1);
  const tasks = tasksIn(root);
  if (tasks > MAX_TASKS) throw fault('E2BIG', `${tasks} tasks are too many; at most ${MAX_TASKS}`, '/root');
}

function numberFiles(files: readonly { readonly name: string }[]): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const [index, { name }] of files.entries()) {
    if (numbers.has(name)) throw fault('EEXIST', `two files are named "${name}"`, `/files/${index}/name`);
    numbers.set(name, index);
  }
  return numbers;
}

function traitsOf(
  spec: TaskSpec,
  parent: SpawnTask | undefined,
  pointer: string,
  fileNumbers: ReadonlyMap<string, number>,
  baseFolder: string,
): Traits {
  const { program, params, comm = program, open = [], share = [], session = false, group = false } = spec;
  programNamed(program, `${pointer}/program`);
  holdShareRules(spec, parent, pointer);
  return {
    comm,
    program,
    params: prepareParams(program, params, { baseFolder, field: `${pointer}/params` }),
    open: descriptorsOf(open, `${pointer}/open`, fileNumbers),
    shareMm: share.includes('mm'),
    shareFiles: share.includes('files'),
    session,
    group,
  };
}

function holdShareRules(
  { share = [], open = [], program }: TaskSpec,
  parent: SpawnTask | undefined,
  pointer: string,
): void {
  const field = `${pointer}/share`;
  if (share.length > 0 && parent === undefined)
    throw fault('EINVAL', 'the root has no parent to share anything with', field);
  if (share.includes('mm') && parent?.program !== program)
    throw fault(
      'EINVAL',
      `${pointer} shares the address space of its parent and must run its program, ${parent?.program}`,
      field,
    );
  if (share.includes('files') && open.length > 0)
    throw fault(
      'EINVAL',
      `${pointer} shares the descriptors of its parent and cannot open any; let the parent open them`,
      field,
    );
}

function descriptorsOf(
  open: readonly { readonly fd: number; readonly file: string }[],
  pointer: string,
  fileNumbers: ReadonlyMap<string, number>,
): SpawnTask['open'] {
  const taken = new Set<number>();
  return open.map(({ fd, file: name }, index) => {
    const file = fileNumbers.get(name);
    if (file === undefined)
      throw fault('ENOENT', `the spec has no file named "${name}"`, `${pointer}/${index}/file`);
    if (taken.has(fd)) throw fault('EEXIST', `descriptor ${fd} is opened twice`, `${pointer}/${index}/fd`);
    taken.add(fd);
    return { fd, file };
  });
}

const fault = (code: 'E2BIG' | 'EEXIST' | 'EINVAL' | 'ENOENT', message: string, field: string): CkptError =>
  new CkptError(code, message, { field });
