import { many, printable } from '../printable.js';
import { table } from '../table.js';
import type { DiffReport, FieldDifference, VmaDifference } from './report.js';

/** Longer values are cut for people; the report has them whole. */
const LONGEST_VALUE = 64;

/** The report as text for people, ended by a newline. */
export function formatDiff(report: DiffReport): string {
  if (report.equal) return `equal: every field and ${many(report.pages.compared, 'page')}\n`;
  const lines = [
    ...(report.head.length > 0 ? ['head', ...fieldLines(report.head)] : []),
    ...report.tasksOnlyInA.map(({ pid, comm }) => `task ${pid} (${printable(comm)}) is only in A`),
    ...report.tasksOnlyInB.map(({ pid, comm }) => `task ${pid} (${printable(comm)}) is only in B`),
    ...report.tasks.flatMap(({ pid, comm, fields }) => [
      `task ${pid} (${printable(comm)})`,
      ...fieldLines(fields),
    ]),
    ...report.fileTables.flatMap(({ pids, fields }) => [
      `file table of ${tasks(pids)}`,
      ...fieldLines(fields),
    ]),
    ...report.addressSpaces.flatMap(({ pids, fields, vmas }) => [
      `address space of ${tasks(pids)}`,
      ...fieldLines(fields),
      ...vmas.flatMap(vmaLines),
    ]),
    ...(report.moreDifferences > 0
      ? [`... and ${report.moreDifferences} differences more, which are not listed`]
      : []),
    summary(report),
  ];
  return `${lines.join('\n')}\n`;
}

const tasks = (pids: readonly number[]): string =>
  `${pids.length === 1 ? 'task' : 'tasks'} ${pids.slice(0, 8).join(' ')}${pids.length > 8 ? ` and ${pids.length - 8} more` : ''}`;

function value(text: string | undefined): string {
  if (text === undefined) return '-';
  const shown = printable(text);
  return shown.length > LONGEST_VALUE ? `${shown.slice(0, LONGEST_VALUE)}…` : shown;
}

const fieldLines = (fields: readonly FieldDifference[]): string[] =>
  fields.length === 0
    ? []
    : table(
        [{ title: '  FIELD' }, { title: 'A' }, { title: 'B' }],
        fields.map(({ field, a, b }) => [`  ${printable(field)}`, value(a), value(b)]),
      );

const HOW = { differ: 'with other contents', onlyInA: 'only in A', onlyInB: 'only in B' } as const;

function vmaLines({ vma, onlyIn, fields, pages }: VmaDifference): string[] {
  return [
    `  vma ${vma}${onlyIn === undefined ? '' : ` is only in ${onlyIn.toUpperCase()}`}`,
    ...fieldLines(fields).map((line) => `  ${line}`),
    ...(pages?.runs ?? []).map(
      ({ address, pages: count, how }) => `    ${address}: ${many(count, 'page')} ${HOW[how]}`,
    ),
  ];
}

function summary({ pages, tasks: changed, tasksOnlyInA, tasksOnlyInB }: DiffReport): string {
  const { compared, differ, onlyInA, onlyInB } = pages;
  return (
    `tasks: ${changed.length} differ, ${tasksOnlyInA.length} only in A, ${tasksOnlyInB.length} only in B; ` +
    `pages: ${compared} compared, ${differ} differ, ${onlyInA} only in A, ${onlyInB} only in B`
  );
}
