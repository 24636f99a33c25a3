import { createHash } from 'node:crypto';
import type { Trees } from './trees.js';

/** A tree that was started. */
interface Started {
  readonly tree: string;
  readonly rootPid: number;
  readonly tasks: number;
  readonly workers: string[];
}

/**
 * Starts of trees that are asked for with a key: a client that heard nothing asks again, and must not start another. The key
 * stands in the record of the tree, so that no leader can die between the two.
 */
export class KeyedStarts {
  readonly #trees: Trees;
  readonly #underWay = new Map<string, Promise<Started>>();

  constructor(trees: Trees) {
    this.#trees = trees;
  }

  /**
   * @param start told what the record of the tree must have as its key
   * @returns what came of the first request with this key, also while that is under way
   */
  async once(
    key: string | undefined,
    what: string,
    start: (key?: string) => Promise<Started>,
  ): Promise<Started> {
    if (key === undefined) return start();
    const name = createHash('sha256').update(`${what} ${key}`).digest('hex');
    const underWay = this.#underWay.get(name);
    if (underWay !== undefined) return underWay;
    const known = this.#find(name);
    if (known !== undefined)
      return { tree: known.tree, rootPid: known.rootPid, tasks: 0, workers: known.workers };
    const starting = start(name).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, starting);
    return starting;
  }

  /** What another leader left half started is about to be undone, and counts for nothing. */
  #find(name: string) {
    return this.#trees.all.find(({ key, state }) => key === name && state !== 'starting');
  }
}
