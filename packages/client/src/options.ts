import type { ConnectionOptions, Labels, Placement } from '@ckptree/protocol';
import type { AskOptions } from './ask.js';

export interface ConnectOptions extends Partial<Omit<ConnectionOptions, 'observe'>> {
  /** The folder of the store, where this host shares it with the storage services: reads need not go over NATS. */
  readonly volume?: string;
}

export interface SpawnOptions extends AskOptions {
  /** Which worker hosts a task, by pid; the rest is placed. */
  readonly placement?: Placement;
  /** The folder that relative paths of the spec start from, the same on all workers. */
  readonly baseFolder?: string;
  readonly name?: string;
  readonly labels?: Labels;
  /** Requests with the same key are the same tree. Made when absent, so that a request can be sent again. */
  readonly key?: string;
}

export interface RestartOptions extends AskOptions {
  /** All of it on this worker. */
  readonly on?: string;
  readonly placement?: Placement;
  /** It stays frozen until it is thawed. */
  readonly frozen?: boolean;
  readonly name?: string;
  readonly labels?: Labels;
  readonly key?: string;
}

export interface PsOptions extends AskOptions {
  readonly tree?: string;
  /** This task and all below it. */
  readonly pid?: number;
}
