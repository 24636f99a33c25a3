import type { TaskExit } from '../cpu/messages.js';
import type { TaskInSlot } from './forest.js';
import type { ProcessTable } from './process-table.js';
import { SLOT, STATE } from './slot.js';

/**
 * Who wants to hear of ends: listeners of each, and waiters until some have come. The process table knows of an end
 * before the main thread is told of it.
 */
export class ExitNotifier {
  readonly #table: ProcessTable;
  readonly #listeners = new Set<(exit: TaskExit) => void>();
  readonly #waiters = new Set<(failure?: Error) => void>();
  #told = 0;
  /** Why no more ends will be told. */
  #failure: Error | undefined;

  constructor(table: ProcessTable) {
    this.#table = table;
  }

  /** @returns how to end that */
  listen(listener: (exit: TaskExit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A cpu tells of ends. */
  receive(exits: readonly TaskExit[]): void {
    this.#told += exits.length;
    for (const exit of exits) for (const listener of this.#listeners) listener(exit);
    for (const look of [...this.#waiters]) look();
  }

  /** No more ends will be told: whoever waits for one hears why. */
  abandon(failure: Error): void {
    this.#failure ??= failure;
    for (const look of [...this.#waiters]) look(failure);
  }

  /** Resolves when these tasks have ended. @throws as of abandon() */
  ended(tasks: readonly TaskInSlot[]): Promise<void> {
    const hasEnded = ([slot, pid]: TaskInSlot) =>
      this.#table.find(pid) !== slot || this.#table.get(slot, SLOT.STATE) === STATE.ZOMBIE;
    return this.#until(() => tasks.every(hasEnded));
  }

  /** Resolves when the ends of all that have ended by now were told. @throws as of abandon() */
  told(): Promise<void> {
    const ended = this.#table.endedTasks;
    return this.#until(() => this.#told >= ended);
  }

  /** Resolves when all tasks have ended, and their ends were told. @throws as of abandon() */
  settled(): Promise<void> {
    return this.#until(() => this.#table.liveTasks === 0 && this.#told === this.#table.endedTasks);
  }

  /** Resolves when `condition` holds; it is looked at whenever tasks have ended. */
  async #until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve, reject) => {
      const look = (failure?: Error) => {
        if (failure === undefined && !condition()) return;
        this.#waiters.delete(look);
        if (failure === undefined) resolve();
        else reject(failure);
      };
      this.#waiters.add(look);
    });
  }
}
