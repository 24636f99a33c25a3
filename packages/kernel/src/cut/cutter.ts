import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import type { Cut, CutOptions } from '@ckptree/model';
import { type CpuControl, IRQ } from '../cpu/cpu-control.js';
import type { CutPiece } from '../cpu/messages.js';
import { FileVersions } from '../files/file-versions.js';
import type { OpenFiles } from '../files/open-files.js';
import type { PageFills } from '../memory/page-fills.js';
import { PageTable } from '../memory/page-table.js';
import type { PhysicalMemory } from '../memory/physical-memory.js';
import type { ProcessTable } from '../process/process-table.js';
import { FLAG, SLOT, STATE } from '../process/slot.js';
import { awaitMemory } from './awaited-memory.js';
import { CutAssembly } from './cut-assembly.js';
import { CutPieces } from './cut-pieces.js';
import type { Freezer } from './freezer.js';
import { HeldCut } from './held-cut.js';
import { type Scope, subtrees } from './scope.js';

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
  readonly fills: PageFills;
}

export interface HoldOptions {
  /** After so long without all tasks at a safe point the cut is given up, the tasks run on, and ETIMEDOUT is thrown. */
  readonly timeoutMs?: number;
  /** The tasks are let go so long after the request, whatever happens. */
  readonly leaseMs?: number;
}

/** Takes cuts: freeze, snapshot, thaw; then, while the tasks run, puts together what the cpus saw. */
export class Cutter {
  readonly #parts: CutterParts;
  readonly #versions = new FileVersions();
  /** Cuts of which not all has come in. */
  readonly #incoming = new Map<number, CutPieces>();
  #lastCut = 0;

  constructor(parts: CutterParts) {
    this.#parts = parts;
  }

  /** One at a time: the caller sees to it. */
  async cut(
    rootPid: number,
    { leaveFrozen = false, timeoutMs = DEFAULT_TIMEOUT_MS }: CutOptions,
  ): Promise<Cut> {
    const held = await this.#take(subtrees([rootPid]), { timeoutMs });
    const { stoodStillUs } = held.resume({ leaveFrozen });
    const tree = await held.tree.catch((error: unknown) => {
      if (leaveFrozen) this.#thaw(rootPid);
      throw error;
    });
    let frozen = leaveFrozen;
    return {
      tree,
      timing: { ...held.timing, ...(leaveFrozen ? {} : { downtimeUs: stoodStillUs }) },
      thaw: async () => {
        if (frozen) this.#thaw(rootPid);
        frozen = false;
      },
      releaseMm: (mm) => held.releaseMm(mm),
      release: () => held.release(),
    };
  }

  /** As cut(), but the tasks stand still until they are told to run, or until the lease ends. */
  hold(scope: Scope, { leaseMs = DEFAULT_TIMEOUT_MS, timeoutMs = leaseMs }: HoldOptions): Promise<HeldCut> {
    return this.#take(scope, { timeoutMs: Math.min(timeoutMs, leaseMs), leaseMs });
  }

  /** A cpu tells what it saw. */
  receive(piece: CutPiece): void {
    const pieces = this.#incoming.get(piece.cut);
    if (pieces === undefined) return;
    pieces.receive(piece);
    if (pieces.isComplete) this.#incoming.delete(piece.cut);
  }

  /** The kernel is gone: nothing more will come in. */
  abandon(error: Error): void {
    for (const pieces of this.#incoming.values()) pieces.discard(error);
    this.#incoming.clear();
  }

  async #take(
    scope: Scope,
    { timeoutMs, leaseMs }: { readonly timeoutMs: number; readonly leaseMs?: number },
  ): Promise<HeldCut> {
    const { table, files, memory, control, freezer, fills } = this.#parts;
    const requested = performance.now();
    const members = await freezer.freeze(scope, FLAG.FREEZE_CUT, timeoutMs);
    const frozen = performance.now();
    const id = ++this.#lastCut;
    const cpus = freezer.cpusOf(members);
    // Before the cpus are asked: their answers may come in while this thread still waits for the last of them.
    const pieces = new CutPieces(cpus.size, (snapshots) => this.#giveBack(snapshots));
    if (cpus.size > 0) this.#incoming.set(id, pieces);
    if (leaseMs !== undefined) control.hold(id);
    const letGo = () => {
      if (leaseMs !== undefined) control.letGo(id);
      freezer.release(members);
    };
    try {
      control.beginCut(id, members, cpus.size);
      for (const cpu of cpus) control.ring(cpu, IRQ.SNAPSHOT);
      await this.#waitForSnapshots(requested + timeoutMs, table.get(members[0] ?? 0, SLOT.PID));
      if (leaseMs !== undefined && performance.now() > requested + leaseMs)
        throw new CkptError('ETIMEDOUT', 'the lease ended before all snapshots were taken');
      const scene = { members, table: table.copy(), files: files.copy(), arenas: memory.handle.arenas };
      const assembly = new CutAssembly(scene);
      const held = {
        tasks: members.length,
        mms: control.snapshottedMms,
        timing: { freezeUs: (frozen - requested) * 1e3, snapshotUs: (performance.now() - frozen) * 1e3 },
        requested,
        leaseMs,
        pieces,
        freezeUser: () => {
          for (const slot of members) table.raise(slot, FLAG.FREEZE_USER);
        },
        letGo,
        giveBack: (snapshots: readonly Int32Array[]) => this.#giveBack(snapshots),
      };
      return new HeldCut(held, async () => {
        for (const piece of await pieces.all) assembly.add(piece);
        const tree = await assembly.tree(this.#versions);
        await awaitMemory(memory, fills, tree);
        return tree;
      });
    } catch (error) {
      letGo();
      pieces.discard(error as Error);
      throw error;
    }
  }

  async #waitForSnapshots(deadline: number, pid: number): Promise<void> {
    while (!this.#parts.control.waitSnapshots(PATIENCE_MS)) {
      if (performance.now() > deadline)
        throw new CkptError('ETIMEDOUT', 'a cpu did not take its snapshots in time', { pid });
      await sleep(LOOK_AGAIN_MS);
    }
  }

  #thaw(rootPid: number): void {
    const { freezer, table } = this.#parts;
    const slot = table.find(rootPid);
    if (slot === undefined || table.get(slot, SLOT.STATE) === STATE.ZOMBIE) return;
    freezer.thaw(subtrees([rootPid]));
  }

  #giveBack(snapshots: readonly Int32Array[]): void {
    for (const leaves of snapshots) PageTable.release(this.#parts.memory, leaves);
  }
}
