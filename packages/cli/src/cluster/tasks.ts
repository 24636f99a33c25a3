import type { Client } from '@ckptree/client';
import { type Static, Type } from '@ckptree/schema';
import type { Palette } from '../output/palette.js';
import { printable } from '../output/printable.js';
import { formatCount, plural } from '../output/quantities.js';
import { type Column, formatTable } from '../output/table.js';
import type { Outcome, Session } from '../session.js';
import type { ClusterOptions } from './cluster-options.js';
import { withClient } from './with-client.js';

const Row = Type.Object(
  {
    pid: Type.Integer(),
    ppid: Type.Integer(),
    tgid: Type.Integer(),
    pgid: Type.Integer(),
    sid: Type.Integer(),
    comm: Type.String(),
    state: Type.String({ description: 'running, blocked, frozen or zombie.' }),
    ticks: Type.Integer(),
    tree: Type.String(),
    worker: Type.String(),
  },
  { additionalProperties: false },
);
type Row = Static<typeof Row>;

export const PsReport = Type.Object(
  {
    tasks: Type.Array(Row, { description: 'Ascending by pid.' }),
    missing: Type.Array(Type.String(), { description: 'Workers that did not answer.' }),
  },
  { additionalProperties: false },
);
export type PsReport = Static<typeof PsReport>;

export function ps(
  pid: number | undefined,
  options: ClusterOptions,
  session: Session,
): Promise<Outcome<PsReport>> {
  return withClient(options, session, async (client) => {
    const { tasks, missing } = await client.ps({
      signal: session.signal,
      ...(pid !== undefined && { pid }),
    });
    const report: PsReport = { tasks: tasks.map((task) => ({ ...task })), missing: [...missing] };
    if (missing.length === 0) return { report, exitCode: 0 };
    return {
      report,
      exitCode: 1,
      complaint: `no answer from ${missing.join(', ')}: their tasks are not shown`,
    };
  });
}

const COLUMNS: readonly Column<Row & { readonly indent: number }>[] = [
  { title: 'PID', align: 'right', value: ({ pid }) => String(pid) },
  { title: 'PPID', align: 'right', value: ({ ppid }) => String(ppid) },
  { title: 'STATE', value: ({ state }) => state },
  { title: 'TICKS', align: 'right', value: ({ ticks }) => formatCount(ticks) },
  { title: 'WORKER', value: ({ worker }) => worker },
  { title: 'TREE', value: ({ tree }) => tree },
  { title: 'NAME', value: ({ comm, indent }) => `${'  '.repeat(indent)}${printable(comm)}` },
];

export const formatPs =
  (asTree: boolean) =>
  ({ tasks }: PsReport, palette: Palette): string => {
    if (tasks.length === 0) return 'No tasks.\n';
    const rows = asTree ? depthFirst(tasks) : tasks.map((task) => ({ ...task, indent: 0 }));
    return formatTable(COLUMNS, rows, palette);
  };

function depthFirst(tasks: readonly Row[]): (Row & { indent: number })[] {
  const pids = new Set(tasks.map(({ pid }) => pid));
  const children = new Map<number, Row[]>();
  for (const task of tasks) {
    const above = task.tgid === task.pid ? task.ppid : task.tgid;
    const parent = pids.has(above) ? above : 0;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [task]);
    else siblings.push(task);
  }
  const rows: (Row & { indent: number })[] = [];
  const pending = (children.get(0) ?? []).toReversed().map((task) => ({ ...task, indent: 0 }));
  for (let row = pending.pop(); row !== undefined; row = pending.pop()) {
    rows.push(row);
    const { indent } = row;
    for (const child of (children.get(row.pid) ?? []).toReversed())
      pending.push({ ...child, indent: indent + 1 });
  }
  return rows;
}

export const SignalReport = Type.Object(
  { tasks: Type.Integer({ minimum: 0, description: 'Tasks that it reached.' }) },
  { additionalProperties: false },
);
type SignalReport = Static<typeof SignalReport>;

export type Doing = 'freeze' | 'thaw' | 'kill';
const DONE: Readonly<Record<Doing, string>> = {
  freeze: 'stand still until they are thawed',
  thaw: 'run',
  kill: 'have ended',
};

/** Freezes, thaws or kills a task and all below it. */
export function signalTree(
  doing: Doing,
  pid: number,
  options: ClusterOptions,
  session: Session,
): Promise<Outcome<SignalReport>> {
  return withClient(options, session, async (client: Client) => ({
    report: { tasks: await client[doing](pid, { signal: session.signal }) },
    exitCode: 0,
  }));
}

export const formatSignal =
  (doing: Doing) =>
  ({ tasks }: SignalReport): string =>
    `${plural(tasks, 'task')} ${DONE[doing]}.\n`;
