import { type Static, Type } from '@ckptree/schema';
import type { Palette } from '../output/palette.js';
import { formatAge } from '../output/quantities.js';
import { type Column, formatTable } from '../output/table.js';
import type { Outcome, Session } from '../session.js';
import { asGiven, DURATION_UNITS } from '../units.js';
import type { ClusterOptions } from './cluster-options.js';
import { withClient } from './with-client.js';

const Schedule = Type.Object(
  {
    schedule: Type.String({ description: 'Its id, which `ckptree cancel` takes.' }),
    pid: Type.Integer({ description: 'The task that is saved, with all below it.' }),
    everyMs: Type.Optional(Type.Integer({ description: 'So often.' })),
    cron: Type.Optional(Type.String({ description: 'When, as cron says it (UTC).' })),
    name: Type.Optional(Type.String()),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    next: Type.Optional(Type.String({ description: 'When the next one is due.' })),
    last: Type.Optional(Type.String({ description: 'The newest checkpoint of it.' })),
    lastRun: Type.Optional(Type.String({ description: 'When it was done last.' })),
    lastError: Type.Optional(
      Type.Object({ code: Type.String(), message: Type.String() }, { description: 'Why that failed.' }),
    ),
  },
  { additionalProperties: false },
);
type Schedule = Static<typeof Schedule>;

export const SchedulesReport = Type.Object(
  { schedules: Type.Array(Schedule) },
  { additionalProperties: false },
);
type SchedulesReport = Static<typeof SchedulesReport>;

export function schedules(options: ClusterOptions, session: Session): Promise<Outcome<SchedulesReport>> {
  return withClient(options, session, async (client) => {
    const known = await client.schedules({ signal: session.signal });
    const list = known.map(({ container: _, lastError, ...schedule }): Schedule => {
      if (lastError === undefined) return schedule;
      const { code, message } = lastError;
      return { ...schedule, lastError: { code, message } };
    });
    return { report: { schedules: list }, exitCode: 0 };
  });
}

const COLUMNS: readonly Column<Schedule>[] = [
  { title: 'ID', value: ({ schedule }) => schedule },
  { title: 'PID', align: 'right', value: ({ pid }) => String(pid) },
  {
    title: 'EVERY',
    value: ({ everyMs, cron = '' }) => (everyMs === undefined ? cron : asGiven(everyMs, DURATION_UNITS)),
  },
  { title: 'NAME', value: ({ name = '' }) => name },
  {
    title: 'NEXT IN',
    align: 'right',
    value: ({ next }) => (next === undefined ? '' : formatAge(Math.max(0, Date.parse(next) - Date.now()))),
  },
  {
    title: 'LAST RUN',
    align: 'right',
    value: ({ lastRun }) =>
      lastRun === undefined ? '' : `${formatAge(Date.now() - Date.parse(lastRun))} ago`,
  },
  { title: 'NEWEST', value: ({ last = '' }) => last },
  {
    title: 'FAILED BY',
    value: ({ lastError }) => (lastError === undefined ? '' : `${lastError.code}: ${lastError.message}`),
  },
];

export const formatSchedules = ({ schedules: list }: SchedulesReport, palette: Palette): string =>
  list.length === 0 ? 'No schedules.\n' : formatTable(COLUMNS, list, palette);
