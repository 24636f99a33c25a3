import { hostname } from 'node:os';
import type { Kernel } from '@ckptree/kernel';
import { PAGE_SIZE } from '@ckptree/model';
import type { Records, WorkerRecord } from '@ckptree/protocol';

export interface RegistrationParts {
  readonly kernel: Kernel;
  readonly workers: Records['workers'];
  /** Checkpoints that are being dumped. */
  readonly dumps: () => number;
  readonly onError: (error: unknown) => void;
}

export interface RegistrationOptions {
  readonly worker: string;
  readonly software: string;
  readonly heartbeatMs: number;
  readonly capacity: WorkerRecord['capacity'];
}

/** Says again and again that this worker is there, and what it has to do. Who does not hear of it for long takes it for lost. */
export class Registration {
  readonly #parts: RegistrationParts;
  readonly #options: RegistrationOptions;
  readonly #started = new Date().toISOString();
  readonly #timer: NodeJS.Timeout;
  #state: WorkerRecord['state'] = 'serving';
  #saying: Promise<void> | undefined;

  private constructor(parts: RegistrationParts, options: RegistrationOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#timer = setInterval(() => void this.#say(), options.heartbeatMs);
  }

  /** @throws what the first heartbeat throws */
  static async begin(parts: RegistrationParts, options: RegistrationOptions): Promise<Registration> {
    const registration = new Registration(parts, options);
    try {
      await parts.workers.put(options.worker, registration.#record());
      return registration;
    } catch (error) {
      clearInterval(registration.#timer);
      throw error;
    }
  }

  /** No new tasks are to come. */
  async drain(): Promise<void> {
    this.#state = 'draining';
    await this.#saying;
    await this.#say();
  }

  /** Says goodbye. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saying;
    try {
      await this.#parts.workers.delete(this.#options.worker);
    } catch (error) {
      // Those who wait for it will find that it is silent.
      this.#parts.onError(error);
    }
  }

  /** One at a time: during an outage, the next heartbeat is not before the last one. */
  #say(): Promise<void> {
    this.#saying ??= this.#put().finally(() => {
      this.#saying = undefined;
    });
    return this.#saying;
  }

  async #put(): Promise<void> {
    try {
      await this.#parts.workers.put(this.#options.worker, this.#record());
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  #record(): WorkerRecord {
    const { kernel, dumps } = this.#parts;
    const { worker, software, capacity } = this.#options;
    return {
      version: 1,
      worker,
      host: hostname(),
      process: process.pid,
      software,
      started: this.#started,
      at: new Date().toISOString(),
      state: this.#state,
      capacity,
      load: { tasks: kernel.tasks, memoryBytes: kernel.memory.stats().used * PAGE_SIZE, dumps: dumps() },
    };
  }
}
