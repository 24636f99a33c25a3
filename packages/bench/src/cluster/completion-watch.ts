import { watch } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@ckptree/client';

/**
 * How long after a checkpoint is durable a subscriber has its `completed` in hand. Both ends are taken by the clock of this
 * process: the file of a manifest gets its name when its bytes are durable, the folder is synced behind that.
 */
export class CompletionWatch {
  readonly #named = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #delays: number[] = [];
  readonly #reading: Promise<void>;

  private constructor(manifests: string, client: Client, onCaughtUp: () => void) {
    watch(manifests, { signal: this.#stop.signal }, (_, file) => {
      if (file !== null && !this.#named.has(file)) this.#named.set(file, performance.now());
    });
    this.#reading = this.#read(client, onCaughtUp);
  }

  /** @param store its folder, which has a manifest already */
  static async begin(store: string, client: Client): Promise<CompletionWatch> {
    let begun: CompletionWatch | undefined;
    await new Promise<void>((resolve) => {
      begun = new CompletionWatch(join(store, 'manifests'), client, resolve);
    });
    return begun!;
  }

  /** @returns milliseconds of each checkpoint since the last call */
  take(): number[] {
    return this.#delays.splice(0);
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#reading;
  }

  async #read(client: Client, onCaughtUp: () => void): Promise<void> {
    const filter = { types: ['completed'] } as const;
    for await (const event of client.events({ filter, onCaughtUp, signal: this.#stop.signal })) {
      if (event.type !== 'completed') continue;
      const named = this.#named.get(event.checkpoint);
      if (named !== undefined) this.#delays.push(performance.now() - named);
    }
  }
}
