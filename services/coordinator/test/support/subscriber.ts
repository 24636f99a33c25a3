import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, ClientEvent, EventsOptions } from '@ckptree/client';

/** Events that somebody is to see, of all that there are. */
type Wanted = (event: ClientEvent) => boolean;

export interface SubscriberOptions {
  readonly title: string;
  readonly events: EventsOptions;
  readonly wants: Wanted;
  /** It leaves after so many events, and comes back behind the last that it has seen. */
  readonly leavesAfter?: number;
  /** What it does with an event: the next is not asked for before. */
  readonly take?: (event: ClientEvent, seen: readonly ClientEvent[]) => Promise<void>;
}

/** How long what was published may take to be seen. */
const [LOOKS, LOOK_MS] = [600, 100];

/** Somebody who listens to events, and writes down what comes. */
export class Subscriber {
  readonly title: string;
  readonly seen: ClientEvent[] = [];
  /** All that was there when it came has been given out. */
  readonly caughtUp: Promise<void>;
  readonly #options: SubscriberOptions;
  readonly #end = new AbortController();
  readonly #reading: Promise<void>;
  #isCaughtUp: () => void = () => undefined;

  constructor(client: Client, options: SubscriberOptions) {
    this.title = options.title;
    this.#options = options;
    this.caughtUp = new Promise((resolve) => {
      this.#isCaughtUp = resolve;
    });
    this.#reading = this.#read(client);
  }

  /** Of these events, those that it must have seen, and of those up to the last of them, what it has seen. */
  async compared(all: readonly ClientEvent[]): Promise<{ expected: ClientEvent[]; seen: ClientEvent[] }> {
    const expected = all.filter(this.#options.wants);
    for (let looks = 0; looks < LOOKS && this.seen.length < expected.length; looks++) await sleep(LOOK_MS);
    const last = all.at(-1)?.sequence ?? 0;
    return { expected, seen: this.seen.filter(({ sequence }) => sequence <= last) };
  }

  /** @throws what ended its reading before */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#reading;
  }

  async #read(client: Client): Promise<void> {
    const { events, leavesAfter = Number.POSITIVE_INFINITY, take } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted) {
      const last = this.seen.at(-1);
      const from = last === undefined ? events.from : { sequence: last.sequence + 1 };
      const options = { ...events, ...(from !== undefined && { from }), signal };
      let left = leavesAfter;
      for await (const event of client.events({ ...options, onCaughtUp: () => this.#isCaughtUp() })) {
        this.seen.push(event);
        await take?.(event, this.seen);
        if (--left === 0) break;
      }
    }
  }
}
