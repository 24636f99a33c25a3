import { PID_MAX_LIMIT, RECORD_HEADER_SIZE } from '../constants.js';
import { many } from '../printable.js';
import { pids as entry } from '../records/task.js';
import type { Context } from './context.js';
import type { State } from './state.js';
import { fixed, type Piece, type Transition, type Transitions } from './transition.js';

const tree: Transition = fixed('TREE', (context, { nr_tasks }, at) => {
  const isPossible = nr_tasks >= 1 && nr_tasks <= PID_MAX_LIMIT;
  if (!isPossible)
    context.report(
      'task-count',
      at.field('nr_tasks'),
      `the tree has ${nr_tasks} tasks; 1 to ${PID_MAX_LIMIT} are possible`,
    );
  context.taskCount = isPossible ? nr_tasks : undefined;
  return 'pids';
});

const pids: Transition = {
  lengths: ({ taskCount = 0 }) => ({
    fits: (length) =>
      (length - RECORD_HEADER_SIZE) % entry.size === 0 &&
      length <= RECORD_HEADER_SIZE + PID_MAX_LIMIT * entry.size,
    likely: RECORD_HEADER_SIZE + taskCount * entry.size,
    text: `${RECORD_HEADER_SIZE} bytes and ${entry.size} a task`,
  }),
  wanted: () => 0,
  take(context, { length, position }) {
    const entries = (length - RECORD_HEADER_SIZE) / entry.size;
    if (context.taskCount !== undefined && entries !== context.taskCount)
      context.report(
        'task-count',
        position,
        `the pids are those of ${many(entries, 'task')}, and the tree has ${context.taskCount}`,
      );
    context.taskCount = entries;
    return 'task';
  },
  entries: {
    size: entry.size,
    take(context, { position, length, view, offset }) {
      for (let done = 0; done < length; done += entry.size)
        takeEntry(context, { view, position: position + done, offset: offset + done });
    },
  },
};

function takeEntry(context: Context, { view, position, offset }: Omit<Piece, 'length'>): void {
  const stray = entry.strayPadding(view, offset);
  if (stray !== -1)
    context.report('not-zero', position + stray - offset, 'padding of an entry of pids is not zero');
  const values = entry.read(view, offset);
  const { vpid, vppid, vtgid, vpgid, vsid } = values;
  const { knownPids, knownGroups } = context;
  const isRoot = knownPids.size === 0;
  const isThread = vtgid !== vpid && knownGroups.has(vtgid);
  if (vpid < 1) context.report('pid', position, `${vpid} is no pid`);
  else if (knownPids.has(vpid)) context.report('pid', position, `pid ${vpid} is there twice`);
  else if (!isRoot && !isThread && !knownPids.has(vppid))
    context.report('parent', position, `the parent of task ${vpid}, ${vppid}, does not come before it`);
  // 0 is what lies outside of the pid namespace.
  if (Math.min(vppid, vtgid, vpgid, vsid) < 0)
    context.report(
      'pid',
      position,
      `task ${vpid} has a negative parent, thread group, process group or session: ${vppid}, ${vtgid}, ${vpgid}, ${vsid}`,
    );
  knownPids.add(vpid);
  knownGroups.add(vtgid);
  context.pids.push(vpid);
  context.visitor.pids(values);
}

export const pidsStates = {
  tree: { TREE: tree },
  pids: { BUFFER: pids },
} satisfies Partial<Record<State, Transitions>>;
