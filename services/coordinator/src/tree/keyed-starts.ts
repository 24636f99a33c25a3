import { createHash } from 'node:crypto';
import type { KeyRecord, Records } from '@ckptree/protocol';
import type { Trees } from './trees.js';

/** A tree that was started. */
interface Started {
  readonly tree: string;
  readonly rootPid: number;
  readonly tasks: number;
  readonly workers: string[];
}

/** Starts of trees that are asked for with a key: a client that heard nothing asks again, and must not start another. */
export class KeyedStarts {
  readonly #keys: Records['keys'];
  readonly #trees: Trees;
  readonly #underWay = new Map<string, Promise<Started>>();

  constructor({ keys, trees }: { readonly keys: Records['keys']; readonly trees: Trees }) {
    this.#keys = keys;
    this.#trees = trees;
  }

  /** @returns what came of the first request with this key, also while that is under way */
  async once(key: string | undefined, what: string, start: () => Promise<Started>): Promise<Started> {
    if (key === undefined) return start();
    const name = createHash('sha256').update(`${what} ${key}`).digest('hex');
    const underWay = this.#underWay.get(name);
    if (underWay !== undefined) return underWay;
    const starting = this.#start(name, start).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, starting);
    return starting;
  }

  async #start(name: string, start: () => Promise<Started>): Promise<Started> {
    const known = await this.#keys.get(name);
    const tree = known === undefined ? undefined : this.#trees.find(known.value.id);
    if (tree !== undefined)
      return { tree: tree.tree, rootPid: tree.rootPid, tasks: 0, workers: tree.workers };
    const started = await start();
    const record: KeyRecord = { version: 1, id: started.tree };
    await this.#keys.put(name, record);
    return started;
  }
}
