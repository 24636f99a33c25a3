import type { InspectedTask } from './report.js';

/** Levels of the tree that are drawn; what is deeper says how deep. */
const DRAWN_LEVELS = 24;

/** A task, and the lines in front of it that draw the tree. */
export interface DrawnTask {
  readonly task: InspectedTask;
  readonly branch: string;
}

/**
 * The tree of tasks as a drawing, in the order of the tree: children under their parent, threads under the leader of
 * their group. Without recursion, for a chain of tasks may be as deep as there are tasks.
 */
export function drawTree(tasks: readonly InspectedTask[]): DrawnTask[] {
  const children = childrenOf(tasks);
  const drawn: DrawnTask[] = [];
  const todo = (children.get(undefined) ?? [])
    .map((task) => ({ task, above: '', isLast: true, depth: 0 }))
    .reverse();
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { task, above, isLast, depth } = next;
    const isDrawn = depth <= DRAWN_LEVELS;
    drawn.push({
      task,
      branch: depth === 0 ? '' : isDrawn ? `${above}${isLast ? '└─' : '├─'}` : `${above}[${depth}] `,
    });
    const below = depth === 0 || depth >= DRAWN_LEVELS ? above : `${above}${isLast ? '  ' : '│ '}`;
    const inner = children.get(task.pid) ?? [];
    for (let index = inner.length - 1; index >= 0; index--)
      todo.push({ task: inner[index]!, above: below, isLast: index === inner.length - 1, depth: depth + 1 });
  }
  return drawn;
}

/** Tasks by what they hang on; `undefined`: the root, and what hangs on nothing that is in the tree. */
function childrenOf(tasks: readonly InspectedTask[]): Map<number | undefined, InspectedTask[]> {
  const known = new Set<number>();
  const children = new Map<number | undefined, InspectedTask[]>();
  for (const task of tasks) {
    const { pid, tgid, ppid } = task;
    const above = tgid !== pid && known.has(tgid) ? tgid : known.has(ppid) ? ppid : undefined;
    const siblings = children.get(above);
    if (siblings === undefined) children.set(above, [task]);
    else siblings.push(task);
    known.add(pid);
  }
  return children;
}
