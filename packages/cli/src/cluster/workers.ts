import { type Static, Type } from '@ckptree/schema';
import type { Palette } from '../output/palette.js';
import { formatAge, formatBytes, formatCount } from '../output/quantities.js';
import { type Column, formatTable } from '../output/table.js';
import type { Outcome, Session } from '../session.js';
import type { ClusterOptions } from './cluster-options.js';
import { withClient } from './with-client.js';

const Worker = Type.Object(
  {
    worker: Type.String(),
    host: Type.String(),
    process: Type.Integer({ description: 'Its process id there.' }),
    software: Type.String({ description: 'Version of ckptree.' }),
    started: Type.String(),
    state: Type.String({ description: 'serving, or draining: then it takes no new tasks.' }),
    capacity: Type.Object({ cpus: Type.Integer(), memoryBytes: Type.Integer(), tasks: Type.Integer() }),
    load: Type.Object({ tasks: Type.Integer(), memoryBytes: Type.Integer(), dumps: Type.Integer() }),
  },
  { additionalProperties: false },
);
type Worker = Static<typeof Worker>;

export const WorkersReport = Type.Object({ workers: Type.Array(Worker) }, { additionalProperties: false });
type WorkersReport = Static<typeof WorkersReport>;

export function workers(options: ClusterOptions, session: Session): Promise<Outcome<WorkersReport>> {
  return withClient(options, session, async (client) => {
    const alive = await client.workers({ signal: session.signal });
    return { report: { workers: alive.map(({ version, at, token, ...worker }) => worker) }, exitCode: 0 };
  });
}

const COLUMNS: readonly Column<Worker>[] = [
  { title: 'WORKER', value: ({ worker }) => worker },
  { title: 'HOST', value: ({ host }) => host },
  { title: 'STATE', value: ({ state }) => state },
  { title: 'UP', align: 'right', value: ({ started }) => formatAge(Date.now() - Date.parse(started)) },
  { title: 'CPUS', align: 'right', value: ({ capacity }) => String(capacity.cpus) },
  { title: 'TASKS', align: 'right', value: ({ load }) => formatCount(load.tasks) },
  { title: 'MEMORY', align: 'right', value: ({ load }) => formatBytes(load.memoryBytes) },
  { title: 'OF', align: 'right', value: ({ capacity }) => formatBytes(capacity.memoryBytes) },
  { title: 'DUMPS', align: 'right', value: ({ load }) => String(load.dumps) },
];

export const formatWorkers = ({ workers: list }: WorkersReport, palette: Palette): string =>
  list.length === 0 ? 'No workers.\n' : formatTable(COLUMNS, list, palette);
