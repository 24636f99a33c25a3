import {
  type FileTable,
  LDT_ENTRY_SIZE,
  type Mm,
  type OpenFile,
  PAGE_SIZE,
  type StoredPages,
  TASK_STATE,
  type Task,
  type Vma,
  vmFlagNames,
} from '@ckptree/model';
import { hex } from '../printable.js';
import type { ImageContents } from '../read/contents.js';
import { CPU } from '../records/cpu.js';
import type { InspectedAddressSpace, InspectedTask, InspectedVma, InspectReport } from './report.js';
import { sharedObjects } from './shared-objects.js';
import { runsByVma, type VmaRun } from './vma-pages.js';

export interface InspectOptions {
  /** Also tells where the page contents are: the runs of each vma. */
  readonly pages?: boolean;
}

/** Everything that an image holds but its page contents, as plain data: see `INSPECT_SCHEMA`. */
export function inspectImage(contents: ImageContents, { pages = false }: InspectOptions = {}): InspectReport {
  const { bytes, records, tree } = contents;
  const { mms, fileTables, files } = sharedObjects(tree);
  const flagNames = remember(vmFlagNames);
  const addressSpaces = [...mms].map(([mm, users]) => inspectMm(mm, users, { flagNames, pages }));
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  return {
    bytes,
    records,
    head: inspectHead(contents),
    totals: {
      tasks: tree.tasks.length,
      zombies: tree.tasks.filter(({ exitState }) => exitState !== 0).length,
      addressSpaces: mms.size,
      vmas: sum(addressSpaces.map(({ vmas }) => vmas.length)),
      pages: sum(addressSpaces.map((mm) => mm.pages)),
      fileTables: fileTables.size,
      descriptors: sum([...fileTables.keys()].map(({ descriptors }) => descriptors.length)),
      files: files.size,
    },
    rootPid: tree.rootPid,
    tasks: tree.tasks.map(inspectTask),
    addressSpaces,
    fileTables: [...fileTables].map(([table, users]) => inspectFileTable(table, users)),
    files: [...files.keys()].map(inspectFile),
  };
}

function inspectHead({ head, subtree }: ImageContents): InspectReport['head'] {
  const { header, release, version, machine, arch, lsm } = head;
  const date = new Date(Number(header.time) * 1000);
  return {
    kernel: `${header.major}.${header.minor}.${header.patch}`,
    revision: header.rev,
    architecture: 'x86-64',
    release,
    version,
    machine,
    time: String(header.time),
    ...(Number.isFinite(date.getTime()) && { taken: date.toISOString() }),
    kind: subtree ? 'subtree' : 'container',
    lsm,
    constants: { ...header.constants },
    arch: { ...arch },
  };
}

const STATE_NAMES = new Map<number, string>(
  Object.entries(TASK_STATE).map(([name, state]) => [state, name.toLowerCase()]),
);

function inspectTask(task: Task<StoredPages>): InspectedTask {
  const { pid, ppid, tgid, pgid, sid, comm, exitCode, exitSignal, pdeathSignal, mm, files, registers } = task;
  const state = task.exitState !== 0 ? 'zombie' : (STATE_NAMES.get(task.state) ?? String(task.state));
  return {
    ...{ pid, ppid, tgid, pgid, sid, comm, state, exitCode, exitSignal, pdeathSignal },
    setChildTid: hex(task.setChildTid),
    clearChildTid: hex(task.clearChildTid),
    robustList: hex(task.robustList),
    ...(mm !== undefined && { mm: mm.id }),
    ...(files !== undefined && { files: files.id }),
    ...(registers !== undefined && { registers: inspectRegisters(registers) }),
  };
}

function inspectRegisters(registers: Uint8Array): NonNullable<InspectedTask['registers']> {
  const view = new DataView(registers.buffer, registers.byteOffset, registers.byteLength);
  const { used_math, ...values } = CPU.body.read(view, 0);
  const named = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, hex(value)]));
  return { ...(named as Record<keyof typeof values, string>), used_math };
}

interface VmaOptions {
  readonly flagNames: (flags: number) => string;
  readonly pages: boolean;
}

/** Most vmas have one of a few combinations of flags. */
function remember(name: (flags: number) => string): (flags: number) => string {
  const known = new Map<number, string>();
  return (flags) => {
    const names = known.get(flags) ?? name(flags);
    known.set(flags, names);
    return names;
  };
}

function inspectMm(
  mm: Mm<StoredPages>,
  users: readonly number[],
  options: VmaOptions,
): InspectedAddressSpace {
  const runs = runsByVma(mm.vmas, mm.memory);
  const vmas = mm.vmas.map((vma, index) => inspectVma(vma, runs[index] ?? [], options));
  const layout = Object.fromEntries(Object.entries(mm.layout).map(([name, address]) => [name, hex(address)]));
  return {
    objref: mm.id,
    users: [...users],
    ...(mm.exe !== undefined && { exe: mm.exe.id }),
    flags: hex(mm.flags),
    defFlags: hex(mm.defFlags),
    layout: layout as InspectedAddressSpace['layout'],
    auxv: inspectAuxv(mm.auxv),
    vdso: hex(mm.context.vdso),
    ldtEntries: mm.context.ldt.length / LDT_ENTRY_SIZE,
    vmas,
    pages: vmas.reduce((sum, vma) => sum + vma.pages, 0),
  };
}

/** Pairs of type and value, until type AT_NULL (0) ends them. */
function inspectAuxv(auxv: BigUint64Array): InspectedAddressSpace['auxv'] {
  const pairs: InspectedAddressSpace['auxv'] = [];
  for (let index = 0; index + 1 < auxv.length && auxv[index] !== 0n; index += 2)
    pairs.push({ type: String(auxv[index]), value: hex(auxv[index + 1]!) });
  return pairs;
}

function inspectVma(vma: Vma, runs: readonly VmaRun[], { flagNames, pages }: VmaOptions): InspectedVma {
  return {
    start: hex(vma.start),
    end: hex(vma.end),
    kind: vma.name ?? (vma.ops === 'none' ? 'anonymous' : vma.ops),
    flags: flagNames(vma.flags),
    pageProt: hex(vma.pageProt),
    pgoff: vma.pgoff,
    ...(vma.file !== undefined && { file: vma.file.id }),
    size: (vma.end - vma.start) / PAGE_SIZE,
    pages: runs.reduce((sum, run) => sum + run.pages, 0),
    ...(pages && { runs: runs.map((run) => ({ ...run, address: hex(run.address) })) }),
  };
}

const inspectFileTable = ({ id, descriptors }: FileTable, users: readonly number[]) => ({
  objref: id,
  users: [...users],
  descriptors: descriptors.map(({ fd, file, closeOnExec }) => ({ fd, file: file.id, closeOnExec })),
});

const inspectFile = ({ id, users, path, mode, flags, pos, version }: OpenFile) => ({
  objref: id,
  users,
  path,
  mode: hex(mode),
  flags: `0${flags.toString(8)}`,
  pos,
  version: hex(version),
});
