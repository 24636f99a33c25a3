import { CkptError } from '@ckptree/errors';
import type { Forest, Kernel, TaskExit } from '@ckptree/kernel';
import type { TaskEnd } from '@ckptree/protocol';
import { HostedTree } from './hosted-tree.js';
import { taskEnd } from './task-end.js';

/** Ended trees whose ends are still told; the events stream has them for ever. */
const TOLD = 256;
/** Those that are known at all: a tree of which no task is left here may run on elsewhere, and be asked for. */
const KNOWN = 10_000;

/** Told of each end of a task, in the order of ends on each cpu. */
export type EndListener = (hosted: HostedTree, end: TaskEnd) => void;

/** The trees of which this worker hosts a part. */
export class HostedTrees {
  readonly #kernel: Kernel;
  readonly #onEnd: EndListener;
  readonly #trees = new Map<string, HostedTree>();
  readonly #byRoot = new Map<number, HostedTree>();
  readonly #unsubscribe: () => void;

  constructor(kernel: Kernel, onEnd: EndListener) {
    this.#kernel = kernel;
    this.#onEnd = onEnd;
    this.#unsubscribe = kernel.onExit((exit) => this.#ended(exit));
  }

  get all(): readonly HostedTree[] {
    return [...this.#trees.values()];
  }

  /** How many run, or have run. */
  get started(): number {
    return this.all.filter(({ state }) => state === 'started').length;
  }

  /** Those of which a task is left here. */
  get living(): readonly HostedTree[] {
    const roots = new Set(this.#kernel.ps().map(({ rootPid }) => rootPid));
    // Another may have had the same root before.
    return this.all.filter(
      (hosted) =>
        hosted.state === 'started' && roots.has(hosted.rootPid) && this.ofTask(hosted.rootPid) === hosted,
    );
  }

  /** Ids of those that are loaded, or being loaded. */
  get loaded(): string[] {
    return this.all.flatMap(({ tree, state }) => (state === 'loaded' || state === 'loading' ? [tree] : []));
  }

  find(tree: string): HostedTree | undefined {
    return this.#trees.get(tree);
  }

  /** @throws ESRCH this worker hosts no part of it */
  get(tree: string): HostedTree {
    const hosted = this.#trees.get(tree);
    if (hosted === undefined) throw new CkptError('ESRCH', `no part of tree ${tree} is hosted here`);
    return hosted;
  }

  ofTask(rootPid: number): HostedTree | undefined {
    return this.#byRoot.get(rootPid);
  }

  /**
   * Begins to load a part of a tree; asked twice for the same tree, it is one load.
   * @throws EEXIST a tree with this root is here already
   */
  load(tree: string, rootPid: number, load: (hosted: HostedTree) => Promise<Forest>): HostedTree {
    const known = this.#trees.get(tree);
    if (known !== undefined) return known;
    const other = this.#byRoot.get(rootPid);
    if (other !== undefined && this.#lives(other))
      throw new CkptError('EEXIST', `tree ${other.tree} has the root ${rootPid} already`, { pid: rootPid });
    this.#forgetOld();
    const hosted = new HostedTree(tree, rootPid, load);
    this.#trees.set(tree, hosted);
    this.#byRoot.set(rootPid, hosted);
    return hosted;
  }

  /** Gives up a tree that was not started; afterwards it is unknown. */
  async abandon(tree: string): Promise<void> {
    const hosted = this.#trees.get(tree);
    if (hosted === undefined) return;
    await hosted.abandon();
    this.#forget(hosted);
  }

  /** Tasks of a tree here that have not ended. */
  running(hosted: HostedTree): number {
    return this.#kernel.ps().filter(({ rootPid, state }) => rootPid === hosted.rootPid && state !== 'zombie')
      .length;
  }

  close(): void {
    this.#unsubscribe();
  }

  #ended(exit: TaskExit): void {
    const hosted = this.#byRoot.get(exit.rootPid);
    // Those of a load that was given up have never run.
    if (hosted?.state !== 'started') return;
    const end = taskEnd(exit);
    hosted.ends.push(end);
    this.#onEnd(hosted, end);
  }

  #lives(hosted: HostedTree): boolean {
    if (hosted.state === 'failed') return false;
    return hosted.state !== 'started' || this.#kernel.fragments(hosted.rootPid).length > 0;
  }

  #forgetOld(): void {
    if (this.#trees.size < TOLD) return;
    const living = new Set(this.#kernel.ps().map(({ rootPid }) => rootPid));
    const over = this.all.filter(
      ({ state, rootPid }) => state === 'failed' || (state === 'started' && !living.has(rootPid)),
    );
    for (const hosted of over.slice(0, Math.max(0, over.length - TOLD))) hosted.forgetEnds();
    for (const hosted of over.slice(0, Math.max(0, over.length - KNOWN))) this.#forget(hosted);
  }

  #forget(hosted: HostedTree): void {
    this.#trees.delete(hosted.tree);
    if (this.#byRoot.get(hosted.rootPid) === hosted) this.#byRoot.delete(hosted.rootPid);
  }
}
