import { CkptError, isCkptError } from '@ckptree/errors';
import type { RequestOptions, TreeRecord } from '@ckptree/protocol';
import { ask, askAll, onAll, tellAll } from '../cluster/fan-out.js';
import { told } from './spawn.js';
import { undoStart } from './start-tree.js';
import type { TreeParts } from './tree-parts.js';
import { ended } from './trees.js';

const LOOK_MS = 1_000;

/**
 * Looks after trees that run: parents and children may be on different workers, and each worker must hear when a parent of
 * what it hosts has ended. What is known is asked for anew each time, so nothing can be missed, only late.
 */
export class TreeKeeper {
  readonly #parts: TreeParts;
  readonly #onError: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #noting = new Set<Promise<void>>();
  /** Trees that could not be looked at: that is told once, and not every second until a worker is back or lost. */
  #failing: ReadonlySet<string> = new Set();
  #looking: Promise<void> | undefined;
  readonly #end = new AbortController();

  constructor(parts: TreeParts, onError: (error: unknown) => void) {
    this.#parts = parts;
    this.#onError = onError;
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** Soon. */
  look(): void {
    if (this.#closed) return;
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#looking = undefined;
    });
  }

  /** Waits for no worker: one that is away may answer late, or never. */
  async close(): Promise<void> {
    this.#end.abort(new CkptError('EINTR', 'this coordinator leads no longer'));
    clearInterval(this.#timer);
    await this.#looking;
  }

  get #closed(): boolean {
    return this.#end.signal.aborted;
  }

  /** A worker is gone with all that it hosted. */
  async lost(worker: string): Promise<void> {
    const noting = this.#noteLost(worker).finally(() => this.#noting.delete(noting));
    this.#noting.add(noting);
    await noting;
    this.look();
  }

  /** Resolves when all that was lost by now stands in the records, or could not be written there. */
  async noted(): Promise<void> {
    await Promise.allSettled(this.#noting);
  }

  async #noteLost(worker: string): Promise<void> {
    const hosted = this.#parts.trees.on(worker);
    await Promise.all(hosted.map(({ tree }) => this.#note(tree, [worker]).catch(this.#onError)));
  }

  /** That what these workers hosted of a tree is gone. */
  #note(tree: string, gone: readonly string[]): Promise<void> {
    return this.#parts.trees.change(tree, (record) => ({
      ...record,
      lost: [...new Set([...(record.lost ?? []), ...gone])],
    }));
  }

  /** What was left half started gives back its tasks and pids, on all workers that can be told. */
  async undoHalfStarted(): Promise<void> {
    await Promise.all(
      [...this.#parts.trees.halfStarted].map((tree) => this.#undo(tree).catch((error) => this.#tell(error))),
    );
  }

  /** Or leaves it for later, as long as a worker is not there and may be heard any moment. */
  async #undo(id: string): Promise<void> {
    const { trees, table } = this.#parts;
    if (table.absentOf(id).length > 0) return;
    const { signal } = this.#end;
    if (await undoStart(this.#parts, table.workersOf(id), trees.get(id), signal)) await trees.remove(id);
  }

  /** What was given up is no news. */
  #tell(error: unknown): void {
    if (!this.#closed) this.#onError(error);
  }

  async #lookAtAll(): Promise<void> {
    await this.undoHalfStarted();
    await this.#parts.trees.forgetOld().catch((error) => this.#tell(error));
    const failing = new Set<string>();
    for (const tree of this.#parts.trees.running) {
      if (this.#closed) return;
      try {
        await this.#lookAt(tree);
      } catch (error) {
        failing.add(tree.tree);
        if (!this.#failing.has(tree.tree)) this.#tell(error);
      }
    }
    this.#failing = failing;
  }

  async #lookAt(tree: TreeRecord): Promise<void> {
    const { connection, table } = this.#parts;
    if (table.absentOf(tree.tree).length > 0) return;
    const ids = table.workersOf(tree.tree);
    const answers = await onAll(ids, (id) => this.#fragmentsOn(id, tree));
    const anew = ids.filter((_, index) => answers[index] === undefined);
    if (anew.length > 0) return this.#startedAnew(tree, anew);
    const parents = new Set<number>();
    let tasks = 0;
    for (const { roots, tasks: own } of answers.flatMap((answer) => answer ?? [])) {
      tasks += own;
      for (const { pid, ppid } of roots) if (pid !== tree.rootPid && ppid !== 0) parents.add(ppid);
    }
    if (tasks === 0) return this.#ended(tree);
    if (parents.size === 0) return;
    const gone = await this.#goneOf(tree, ids, [...parents]);
    if (gone.length > 0)
      for (const error of (
        await tellAll(connection, ids, 'disown', () => ({ tree: tree.tree, parents: gone }), this.#options)
      ).values())
        this.#tell(error);
  }

  get #options(): RequestOptions {
    return { signal: this.#end.signal };
  }

  /** @returns undefined when the worker knows nothing of the tree */
  async #fragmentsOn(id: string, { tree }: TreeRecord) {
    try {
      return await ask(this.#parts.connection, id, 'fragments', { tree }, this.#options);
    } catch (error) {
      if (isCkptError(error) && error.code === 'ESRCH') return undefined;
      throw error;
    }
  }

  /** A worker that was lost and came back before anybody missed it: nobody led then. */
  async #startedAnew({ tree }: TreeRecord, ids: readonly string[]): Promise<void> {
    await this.#note(tree, ids);
    for (const worker of ids)
      this.#parts.events.tell(
        { type: 'worker.lost', worker, reason: 'silent', trees: [tree] },
        `${worker}.lost.${tree}`,
      );
  }

  /** Those of some tasks that no worker hosts alive. A worker that was lost takes its answer with it. */
  async #goneOf(tree: TreeRecord, ids: readonly string[], pids: readonly number[]): Promise<number[]> {
    const body = { tree: tree.tree, pids: [...pids] };
    const answers = await askAll(this.#parts.connection, ids, 'living', () => body, this.#options);
    const living = new Set([...answers.values()].flatMap(({ pids: found }) => found));
    return pids.filter((pid) => !living.has(pid));
  }

  async #ended(tree: TreeRecord): Promise<void> {
    const { trees, events, table } = this.#parts;
    const { rows, missing } = await table.ends(tree.tree);
    // Told once, for good: as long as a worker does not say how its tasks ended, it is not told.
    if (missing.length > 0) return;
    events.tell({ type: 'ended', ...told(tree), tasks: rows.length }, `${tree.tree}.ended`);
    await trees.change(tree.tree, ended);
  }
}
