import { CkptError, isCkptError } from '@ckptree/errors';
import { type Connection, pageByPid, type TaskEnd, type TaskRow } from '@ckptree/protocol';
import { ask, isUnreachable } from '../cluster/fan-out.js';
import type { Workers } from '../cluster/workers.js';
import type { Trees } from './trees.js';

const PAGE = 5_000;

export interface ProcessTableParts {
  readonly connection: Connection;
  readonly workers: Workers;
  readonly trees: Trees;
  /** Raised when nobody waits for answers any more. */
  readonly signal?: AbortSignal;
}

/** Where a task is. */
export interface Located {
  readonly tree: string;
  /** Root of that tree. */
  readonly rootPid: number;
  /** Workers that may host something of the tree and are alive. */
  readonly workers: readonly string[];
}

export interface Listing<Row> {
  /** Ascending by pid. */
  readonly rows: Row[];
  /** Workers that did not answer. */
  readonly missing: string[];
}

export interface TaskPage extends Listing<TaskRow> {
  /** There is more behind this pid. */
  readonly next?: number;
}

export interface Ends extends Listing<TaskEnd> {
  /** Tasks that had not ended. */
  readonly running: number;
  /** Workers that were lost, and took with them how their tasks ended. */
  readonly lost: string[];
}

/** The process table of the cluster. Nothing is kept here: the workers know. */
export class ProcessTable {
  readonly #parts: ProcessTableParts;

  constructor(parts: ProcessTableParts) {
    this.#parts = parts;
  }

  /** Rows of all workers, or of a tree's, ascending by pid. */
  async list(filter: { readonly tree?: string; readonly pid?: number } = {}): Promise<Listing<TaskRow>> {
    const { tree } = filter;
    const ids = tree === undefined ? this.#alive() : this.workersOf(tree);
    return this.#gather(ids, (id) => this.#rowsOf(id, filter));
  }

  /** As many rows as are asked for of all workers, or of a tree's: see pageByPid(). No worker tells more of them. */
  async page(
    { tree }: { readonly tree?: string },
    asked: { readonly after?: number; readonly limit?: number },
  ): Promise<TaskPage> {
    const ids = tree === undefined ? this.#alive() : this.workersOf(tree);
    // Behind this pid a worker has rows that it did not tell.
    let toldTo = Number.POSITIVE_INFINITY;
    const listing = await this.#gather(ids, async (id) => {
      const { tasks, next = toldTo } = await this.#ask(id, 'ps', {
        ...(tree !== undefined && { tree }),
        ...asked,
      });
      toldTo = Math.min(toldTo, next);
      return tasks;
    });
    const told = listing.rows.filter(({ pid }) => pid <= toldTo);
    const { rows, next = toldTo } = pageByPid(told, asked);
    return { rows, missing: listing.missing, ...(Number.isFinite(next) && { next }) };
  }

  /** A task with all below it, depth-first order not kept: ascending by pid. @throws ESRCH no such task */
  async subtree(pid: number): Promise<Listing<TaskRow>> {
    const { tree } = await this.locate(pid);
    const { rows, missing } = await this.list({ tree });
    const children = new Map<number, TaskRow[]>();
    for (const row of rows) {
      const parent = row.tgid === row.pid ? row.ppid : row.tgid;
      const siblings = children.get(parent);
      if (siblings === undefined) children.set(parent, [row]);
      else siblings.push(row);
    }
    const found: TaskRow[] = [];
    const pending = rows.filter((row) => row.pid === pid);
    for (let row = pending.pop(); row !== undefined; row = pending.pop()) {
      found.push(row);
      pending.push(...(children.get(row.pid) ?? []));
    }
    return { rows: found.sort(byPid), missing };
  }

  /** @throws ESRCH no such task runs; EPIPE the worker that may host it does not answer */
  async locate(pid: number): Promise<Located> {
    const { trees } = this.#parts;
    const root = trees.withRoot(pid);
    if (root !== undefined)
      return { tree: root.tree, rootPid: root.rootPid, workers: this.workersOf(root.tree) };
    const { rows, missing } = await this.list({ pid });
    const [row] = rows;
    if (row !== undefined)
      return {
        tree: row.tree,
        rootPid: trees.get(row.tree).rootPid,
        workers: this.workersOf(row.tree),
      };
    throw missing.length === 0
      ? new CkptError('ESRCH', `there is no task ${pid}`, { pid })
      : new CkptError(
          'EPIPE',
          `there is no task ${pid} on the workers that answer; ${missing.join(', ')} did not`,
          { pid },
        );
  }

  /** How the tasks of a tree ended, as far as the workers that are left know; those that ran before they were asked may be among them. */
  async ends(tree: string): Promise<Ends> {
    const { state, lost: known = [] } = this.#parts.trees.get(tree);
    const absent = this.absentOf(tree);
    // Who lost a worker of a tree that has ended did not note it there.
    const lost = state === 'ended' ? [...known, ...absent] : [...known];
    let running = 0;
    const { rows, missing } = await this.#gather(this.workersOf(tree), async (id) => {
      const ends: TaskEnd[] = [];
      for (let after: number | undefined = 0; after !== undefined; ) {
        const page = await this.#endsPage(id, tree, after);
        if (page === undefined) {
          lost.push(id);
          return [];
        }
        if (after === 0) running += page.running;
        ends.push(...page.ends);
        after = page.next;
      }
      return ends;
    });
    return { rows, missing: state === 'ended' ? missing : [...missing, ...absent], running, lost };
  }

  /** Workers of a tree that are alive. */
  workersOf(tree: string): readonly string[] {
    const { trees, workers } = this.#parts;
    const { workers: placed, lost = [] } = trees.get(tree);
    return placed.filter((id) => workers.isAlive(id) && !lost.includes(id));
  }

  /** Workers of a tree that are not there, and are not known to be lost: they may be heard any moment. */
  absentOf(tree: string): readonly string[] {
    const { trees, workers } = this.#parts;
    const { workers: placed, lost = [] } = trees.get(tree);
    return placed.filter((id) => !workers.isAlive(id) && !lost.includes(id));
  }

  #alive(): readonly string[] {
    return this.#parts.workers.list().map(({ worker }) => worker);
  }

  async #rowsOf(
    id: string,
    filter: { readonly tree?: string; readonly pid?: number },
  ): Promise<readonly TaskRow[]> {
    const rows: TaskRow[] = [];
    for (let after: number | undefined = 0; after !== undefined; ) {
      const body: { after: number; limit: number; tree?: string; pid?: number } = {
        ...filter,
        after,
        limit: PAGE,
      };
      const page: { tasks: TaskRow[]; next?: number } = await this.#ask(id, 'ps', body);
      rows.push(...page.tasks);
      after = page.next;
    }
    return rows;
  }

  /** @returns undefined when the worker knows nothing of the tree: it was started anew */
  async #endsPage(id: string, tree: string, after: number) {
    try {
      return await this.#ask(id, 'ends', { tree, after, limit: PAGE });
    } catch (error) {
      if (isCkptError(error) && error.code === 'ESRCH') return undefined;
      throw error;
    }
  }

  #ask<V extends 'ps' | 'ends'>(id: string, verb: V, body: Parameters<typeof ask<V>>[3]) {
    const { connection, signal } = this.#parts;
    return ask(connection, id, verb, body, signal === undefined ? {} : { signal });
  }

  async #gather<Row extends { readonly pid: number }>(
    ids: readonly string[],
    rowsOf: (id: string) => Promise<readonly Row[]>,
  ): Promise<Listing<Row>> {
    const answers = await Promise.allSettled(ids.map(rowsOf));
    const rows: Row[] = [];
    const missing: string[] = [];
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'fulfilled') for (const row of answer.value) rows.push(row);
      else if (isUnreachable(answer.reason)) missing.push(ids[index]!);
      else throw answer.reason;
    }
    return { rows: rows.sort(byPid), missing };
  }
}

const byPid = (one: { readonly pid: number }, other: { readonly pid: number }): number => one.pid - other.pid;
