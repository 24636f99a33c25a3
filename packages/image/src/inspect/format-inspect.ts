import { PAGE_SIZE } from '@ckptree/model';
import { many, printable } from '../printable.js';
import { type Column, table, tableLines } from '../table.js';
import type { InspectedAddressSpace, InspectReport } from './report.js';
import { drawTree } from './task-lines.js';

export interface InspectSections {
  /** The memory maps: each vma with its pages. */
  readonly maps?: boolean;
  /** The identifiers of each task. */
  readonly pids?: boolean;
  /** The places of page contents in the image; the report must have been made with them. */
  readonly pages?: boolean;
}

const left = (title: string): Column => ({ title });
const right = (title: string): Column => ({ title, align: 'right' });

/** The report as text for people, ended by a newline. */
export const formatInspect = (report: InspectReport, sections: InspectSections = {}): string =>
  [...inspectLines(report, sections), ''].join('\n');

/** The same line by line: of a large image it is more than one string can hold. */
export function* inspectLines(report: InspectReport, sections: InspectSections = {}): Generator<string> {
  const { maps = false, pids = false, pages = false } = sections;
  const path = paths(report);
  yield* headLines(report);
  yield* ['', ...taskLines(report)];
  if (pids) yield* ['', ...pidLines(report)];
  yield* ['', ...addressSpaceLines(report, path)];
  if (maps || pages)
    for (const mm of report.addressSpaces) {
      yield '';
      yield* mapLines(mm, path, pages);
    }
  if (report.files.length > 0) {
    yield '';
    yield* fileLines(report);
  }
  for (const files of report.fileTables) {
    yield '';
    yield* descriptorLines(files, path);
  }
}

/** Rows that are made when they are gone through, each time. */
const lazily = <Row>(make: () => Iterable<Row>): Iterable<Row> => ({
  [Symbol.iterator]: () => make()[Symbol.iterator](),
});

const amount = (pages: number): string => {
  const bytes = pages * PAGE_SIZE;
  if (bytes < 2 ** 20) return `${bytes / 2 ** 10} KiB`;
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;
};

function headLines({ head, bytes, records, totals }: InspectReport): string[] {
  const { tasks, zombies, addressSpaces, vmas, pages, files, fileTables, descriptors } = totals;
  return [
    `Linux-CR image, revision ${head.revision} of Linux ${head.kernel} (${head.architecture}), of a ${head.kind}`,
    `taken   ${head.taken ?? `at second ${head.time}`}`,
    `on      ${printable([head.release, head.version, head.machine].join(' '))}`,
    `holds   ${many(tasks, 'task')} (${many(zombies, 'zombie')}), ${many(addressSpaces, 'address space')} with ` +
      `${many(vmas, 'vma')} and ${many(pages, 'page')} (${amount(pages)}),`,
    `        ${many(fileTables, 'file table')} with ${many(descriptors, 'descriptor')}, ${many(files, 'file')}`,
    `in      ${many(bytes, 'byte')}, ${many(records, 'record')}`,
  ];
}

const reference = (objref: number | undefined): string => (objref === undefined ? '-' : `#${objref}`);

function taskLines({ tasks }: InspectReport): string[] {
  const rows = drawTree(tasks).map(({ task, branch }) => [
    `${branch}${task.pid} ${printable(task.comm)}`,
    task.state,
    task.tgid === task.pid ? '' : `thread of ${task.tgid}`,
    reference(task.mm),
    reference(task.files),
    task.registers?.ip ?? '',
  ]);
  return table([left('TASK'), left('STATE'), left('GROUP'), left('MM'), left('FILES'), left('IP')], rows);
}

function pidLines({ tasks }: InspectReport): string[] {
  const rows = tasks.map(({ pid, ppid, tgid, pgid, sid, exitCode, exitSignal, pdeathSignal }) =>
    [pid, ppid, tgid, pgid, sid, exitCode, exitSignal, pdeathSignal].map(String),
  );
  return table(
    ['PID', 'PPID', 'TGID', 'PGID', 'SID', 'EXIT CODE', 'EXIT SIGNAL', 'PDEATH SIGNAL'].map(right),
    rows,
  );
}

/** Pids as people want them: the first few. */
function users(pids: readonly number[]): string {
  const shown = pids.slice(0, 8).join(' ');
  return pids.length > 8 ? `${shown} and ${pids.length - 8} more` : shown;
}

type Paths = (objref: number | undefined) => string;

/** The path of each file by its objref. */
function paths({ files }: InspectReport): Paths {
  const known = new Map(files.map(({ objref, path }) => [objref, printable(path)]));
  return (objref) => (objref === undefined ? '' : (known.get(objref) ?? ''));
}

function addressSpaceLines({ addressSpaces }: InspectReport, path: Paths): string[] {
  const rows = addressSpaces.map(({ objref, vmas, pages, exe, users: pids }) => [
    `#${objref}`,
    String(vmas.length),
    String(pages),
    amount(pages),
    path(exe),
    users(pids),
  ]);
  return table(
    [left('MM'), right('VMAS'), right('PAGES'), right('MEMORY'), left('EXECUTABLE'), left('TASKS')],
    rows,
  );
}

function* mapLines(mm: InspectedAddressSpace, path: Paths, withRuns: boolean): Generator<string> {
  yield `Address space #${mm.objref} of ${users(mm.users)}`;
  yield* tableLines(
    [left('RANGE'), right('SIZE'), right('PAGES'), left('WHAT'), left('FLAGS')],
    lazily(() => mapRows(mm, path, withRuns)),
  );
}

function* mapRows({ vmas }: InspectedAddressSpace, path: Paths, withRuns: boolean): Generator<string[]> {
  for (const vma of vmas) {
    yield [
      `${vma.start}-${vma.end}`,
      String(vma.size),
      String(vma.pages),
      vma.file === undefined ? vma.kind : `${path(vma.file)} at page ${vma.pgoff}`,
      vma.flags,
    ];
    if (withRuns)
      for (const { address, pages, position } of vma.runs ?? [])
        yield [`  ${address}`, '', String(pages), `at byte ${position} of the image`];
  }
}

function fileLines({ files }: InspectReport): Iterable<string> {
  return tableLines(
    [
      left('FILE'),
      right('USERS'),
      right('MODE'),
      right('FLAGS'),
      right('POSITION'),
      right('VERSION'),
      left('PATH'),
    ],
    lazily(function* () {
      for (const { objref, users: count, mode, flags, pos, version, path } of files)
        yield [`#${objref}`, String(count), mode, flags, String(pos), version, printable(path)];
    }),
  );
}

function* descriptorLines(files: InspectReport['fileTables'][number], path: Paths): Generator<string> {
  yield `File table #${files.objref} of ${users(files.users)}`;
  if (files.descriptors.length === 0) {
    yield 'no descriptors';
    return;
  }
  yield* tableLines(
    [right('FD'), left('FILE'), left(''), left('PATH')],
    lazily(function* () {
      for (const { fd, file, closeOnExec } of files.descriptors)
        yield [String(fd), `#${file}`, closeOnExec ? 'close on exec' : '', path(file)];
    }),
  );
}
