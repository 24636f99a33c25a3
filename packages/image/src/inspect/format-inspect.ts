import { PAGE_SIZE } from '@ckptree/model';
import { many, printable } from '../printable.js';
import { type Column, table } from '../table.js';
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
export function formatInspect(report: InspectReport, sections: InspectSections = {}): string {
  const { maps = false, pids = false, pages = false } = sections;
  const path = paths(report);
  const lines = [
    ...headLines(report),
    '',
    ...taskLines(report),
    ...(pids ? ['', ...pidLines(report)] : []),
    '',
    ...addressSpaceLines(report, path),
    ...(maps || pages ? report.addressSpaces.flatMap((mm) => ['', ...mapLines(mm, path, pages)]) : []),
    ...(report.files.length > 0 ? ['', ...fileLines(report)] : []),
    ...report.fileTables.flatMap((files) => ['', ...descriptorLines(files, path)]),
  ];
  return `${lines.join('\n')}\n`;
}

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

function mapLines(mm: InspectedAddressSpace, path: Paths, withRuns: boolean): string[] {
  const rows = mm.vmas.flatMap((vma) => [
    [
      `${vma.start}-${vma.end}`,
      String(vma.size),
      String(vma.pages),
      vma.file === undefined ? vma.kind : `${path(vma.file)} at page ${vma.pgoff}`,
      vma.flags,
    ],
    ...(withRuns ? (vma.runs ?? []) : []).map(({ address, pages, position }) => [
      `  ${address}`,
      '',
      String(pages),
      `at byte ${position} of the image`,
    ]),
  ]);
  return [
    `Address space #${mm.objref} of ${users(mm.users)}`,
    ...table([left('RANGE'), right('SIZE'), right('PAGES'), left('WHAT'), left('FLAGS')], rows),
  ];
}

function fileLines({ files }: InspectReport): string[] {
  const rows = files.map(({ objref, users: count, mode, flags, pos, version, path }) => [
    `#${objref}`,
    String(count),
    mode,
    flags,
    String(pos),
    version,
    printable(path),
  ]);
  return table(
    [
      left('FILE'),
      right('USERS'),
      right('MODE'),
      right('FLAGS'),
      right('POSITION'),
      right('VERSION'),
      left('PATH'),
    ],
    rows,
  );
}

function descriptorLines(files: InspectReport['fileTables'][number], path: Paths): string[] {
  const rows = files.descriptors.map(({ fd, file, closeOnExec }) => [
    String(fd),
    `#${file}`,
    closeOnExec ? 'close on exec' : '',
    path(file),
  ]);
  return [
    `File table #${files.objref} of ${users(files.users)}`,
    ...(rows.length === 0
      ? ['no descriptors']
      : table([right('FD'), left('FILE'), left(''), left('PATH')], rows)),
  ];
}
