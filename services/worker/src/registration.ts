import { hostname } from 'node:os';
import type { Kernel } from '@ckptree/kernel';
import { PAGE_SIZE } from '@ckptree/model';
import type { Records, WorkerRecord } from '@ckptree/protocol';
import { hostOwners } from '@ckptree/store';
import { claimId, idIsTaken } from './claim-id.js';

export interface RegistrationParts {
  readonly kernel: Kernel;
  readonly workers: Records['workers'];
  /** Checkpoints that are being dumped. */
  readonly dumps: () => number;
  readonly onError: (error: unknown) => void;
  /** Another worker has this id by now: what this one hosts is lost to the cluster. */
  readonly onTaken: (error: unknown) => void;
}

export interface RegistrationOptions {
  readonly worker: string;
  readonly software: string;
  readonly heartbeatMs: number;
  readonly capacity: WorkerRecord['capacity'];
}

/**
 * Says again and again that this worker is there, and what it has to do, by compare-and-set: who has stood still for so long that another
 * took its id finds out. Who does not hear of a worker for long takes it for lost.
 */
export class Registration {
  readonly #parts: RegistrationParts;
  readonly #options: RegistrationOptions;
  readonly #started = new Date().toISOString();
  readonly #token = hostOwners().self;
  readonly #timer: NodeJS.Timeout;
  #state: WorkerRecord['state'] = 'serving';
  #saying: Promise<void> | undefined;
  /** Of what was said last. */
  #revision = 0;

  private constructor(parts: RegistrationParts, options: RegistrationOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#timer = setInterval(() => void this.#say(), options.heartbeatMs);
  }

  /** From here on nobody else has the id. @throws as claimId() */
  static async begin(
    parts: RegistrationParts,
    options: RegistrationOptions,
    signal: AbortSignal,
  ): Promise<Registration> {
    const registration = new Registration(parts, options);
    registration.#saying = registration.#claim(signal).finally(() => {
      registration.#saying = undefined;
    });
    try {
      await registration.#saying;
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
      await this.#parts.workers.delete(this.#options.worker, this.#revision);
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

  async #claim(signal: AbortSignal): Promise<void> {
    this.#revision = await claimId(this.#parts.workers, this.#record(), signal);
  }

  async #put(): Promise<void> {
    const { workers, onError } = this.#parts;
    try {
      const revision = await workers.update(this.#options.worker, this.#record(), this.#revision);
      if (revision === undefined) await this.#findAgain();
      else this.#revision = revision;
    } catch (error) {
      onError(error);
    }
  }

  /** The record is not as it was left: it has expired, it was written by a heartbeat of which nothing was heard, or it is another's. */
  async #findAgain(): Promise<void> {
    const { workers, onTaken } = this.#parts;
    const { worker } = this.#options;
    const entry = await workers.get(worker);
    if (entry === undefined) this.#revision = (await workers.create(worker, this.#record())) ?? 0;
    else if (entry.value.started === this.#started && entry.value.token === this.#token)
      this.#revision = entry.revision;
    else onTaken(idIsTaken(worker, entry.value));
  }

  #record(): WorkerRecord {
    const { kernel, dumps } = this.#parts;
    const { worker, software, capacity } = this.#options;
    return {
      version: 1,
      worker,
      host: hostname(),
      process: process.pid,
      token: this.#token,
      software,
      started: this.#started,
      at: new Date().toISOString(),
      state: this.#state,
      capacity,
      load: { tasks: kernel.tasks, memoryBytes: kernel.memory.stats().used * PAGE_SIZE, dumps: dumps() },
    };
  }
}
