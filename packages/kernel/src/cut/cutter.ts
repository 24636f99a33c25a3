import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import type { Cut, CutOptions, Mm } from '@ckptree/model';
import { type CpuControl, IRQ } from '../cpu/cpu-control.js';
import type { CutPiece } from '../cpu/messages.js';
import { FileVersions } from '../files/file-versions.js';
import type { OpenFiles } from '../files/open-files.js';
import { PageTable } from '../memory/page-table.js';
import type { PhysicalMemory } from '../memory/physical-memory.js';
import type { ProcessTable } from '../process/process-table.js';
import { FLAG, SLOT, STATE } from '../process/slot.js';
import { CutAssembly } from './cut-assembly.js';
import type { Freezer } from './freezer.js';

const DEFAULT_TIMEOUT_MS = 5_000;
/** How long the main thread waits for snapshots without looking at anything else. */
const PATIENCE_MS = 5;
const LOOK_AGAIN_MS = 1;

export interface CutterParts {
  readonly table: ProcessTable;
  readonly files: OpenFiles;
  readonly memory: PhysicalMemory;
  readonly control: CpuControl;
  readonly freezer: Freezer;
}

/** A cut whose pieces are still coming in. */
interface Incoming {
  readonly pieces: CutPiece[];
  /** Cpus that have not told all that they saw. */
  awaited: number;
  /** All pieces, when they are there. */
  readonly all: Promise<readonly CutPiece[]>;
  readonly done: (pieces: readonly CutPiece[]) => void;
  readonly failed: (error: Error) => void;
}

/** Takes cuts: freeze, snapshot, thaw; then, while the tasks run, puts together what the cpus saw. */
export class Cutter {
  readonly #parts: CutterParts;
  readonly #versions = new FileVersions();
  readonly #incoming = new Map<number, Incoming>();
  #lastCut = 0;

  constructor(parts: CutterParts) {
    this.#parts = parts;
  }

  /** One at a time: the caller sees to it. */
  async cut(
    rootPid: number,
    { leaveFrozen = false, timeoutMs = DEFAULT_TIMEOUT_MS }: CutOptions,
  ): Promise<Cut> {
    const { table, files, memory, control, freezer } = this.#parts;
    const requested = performance.now();
    const deadline = requested + timeoutMs;
    const members = await freezer.freeze(rootPid, FLAG.FREEZE_CUT, timeoutMs);
    const frozen = performance.now();
    const id = ++this.#lastCut;
    const cpus = freezer.cpusOf(members);
    // Before the cpus are asked: their answers may come in while this thread still waits for the last of them.
    const incoming = this.#expect(id, cpus.size);
    try {
      control.beginCut(id, members, cpus.size);
      for (const cpu of cpus) control.ring(cpu, IRQ.SNAPSHOT);
      await this.#waitForSnapshots(deadline, rootPid);
      const scene = { members, table: table.copy(), files: files.copy(), arenas: memory.handle.arenas };
      const snapshot = performance.now();
      if (leaveFrozen) for (const slot of members) table.raise(slot, FLAG.FREEZE_USER);
      freezer.release(members, FLAG.FREEZE_CUT);
      const timing = {
        freezeUs: (frozen - requested) * 1e3,
        snapshotUs: (snapshot - frozen) * 1e3,
        ...(leaveFrozen ? {} : { downtimeUs: (performance.now() - requested) * 1e3 }),
      };
      const assembly = new CutAssembly(scene);
      for (const piece of await incoming.all) assembly.add(piece);
      return await this.#assemble(assembly, { rootPid, timing, leaveFrozen });
    } catch (error) {
      freezer.release(members, FLAG.FREEZE_CUT);
      this.#giveBack(incoming.pieces.flatMap(leavesOf));
      throw error;
    } finally {
      this.#incoming.delete(id);
    }
  }

  /** A cpu tells what it saw. Of a cut that was given up, its memory is given back. */
  receive(piece: CutPiece): void {
    const incoming = this.#incoming.get(piece.cut);
    if (incoming === undefined) return this.#giveBack(leavesOf(piece));
    incoming.pieces.push(piece);
    if (piece.last) incoming.awaited--;
    if (incoming.awaited === 0) incoming.done(incoming.pieces);
  }

  /** The kernel is gone: nothing more will come in. */
  abandon(error: Error): void {
    for (const { failed } of this.#incoming.values()) failed(error);
    this.#incoming.clear();
  }

  async #waitForSnapshots(deadline: number, pid: number): Promise<void> {
    while (!this.#parts.control.waitSnapshots(PATIENCE_MS)) {
      if (performance.now() > deadline)
        throw new CkptError('ETIMEDOUT', 'a cpu did not take its snapshots in time', { pid });
      await sleep(LOOK_AGAIN_MS);
    }
  }

  /** From here on the pieces of a cut are kept. */
  #expect(id: number, cpus: number): Incoming {
    let settle: Pick<Incoming, 'done' | 'failed'> | undefined;
    const all = new Promise<readonly CutPiece[]>((done, failed) => {
      settle = { done, failed };
    });
    // Whoever waits for the pieces hears of it; until then nobody does.
    all.catch(() => undefined);
    const incoming: Incoming = { pieces: [], awaited: cpus, all, ...settle! };
    if (cpus === 0) incoming.done([]);
    this.#incoming.set(id, incoming);
    return incoming;
  }

  async #assemble(
    assembly: CutAssembly,
    cut: Pick<Cut, 'timing'> & { rootPid: number; leaveFrozen: boolean },
  ): Promise<Cut> {
    const { freezer, table } = this.#parts;
    const tree = await assembly.tree(this.#versions);
    const held = new Set(tree.tasks.flatMap(({ mm }) => (mm === undefined ? [] : [mm])));
    const releaseMm = (mm: Mm) => {
      if (held.delete(mm)) this.#giveBack([mm.memory.leaves]);
    };
    let frozen = cut.leaveFrozen;
    return {
      tree,
      timing: cut.timing,
      thaw: async () => {
        if (frozen && isAlive(table, cut.rootPid)) freezer.thaw(cut.rootPid, FLAG.FREEZE_USER);
        frozen = false;
      },
      releaseMm,
      release: () => held.forEach(releaseMm),
    };
  }

  #giveBack(snapshots: readonly Int32Array[]): void {
    for (const leaves of snapshots) PageTable.release(this.#parts.memory, leaves);
  }
}

const leavesOf = ({ mms }: CutPiece): Int32Array[] => mms.map(({ leaves }) => leaves);

function isAlive(table: ProcessTable, pid: number): boolean {
  const slot = table.find(pid);
  return slot !== undefined && table.get(slot, SLOT.STATE) !== STATE.ZOMBIE;
}
