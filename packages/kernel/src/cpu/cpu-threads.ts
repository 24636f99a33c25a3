import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { CkptError, errorFromData } from '@ckptree/errors';
import type { CpuThreadData } from './cpu.worker.js';
import { type CpuControl, IRQ } from './cpu-control.js';
import type { CutPiece, FromCpu, TaskExit, ToCpu } from './messages.js';

/** How long a cpu has to end by itself before its thread is ended. */
const STOP_TIMEOUT_MS = 2_000;

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What the threads tell; answers to requests are not among it. */
export interface CpuListener {
  exited(exits: readonly TaskExit[]): void;
  stopped(request: number): void;
  piece(piece: CutPiece): void;
  /** A thread died: nothing that the kernel holds can be trusted any more. */
  panicked(error: CkptError): void;
}

type Shared = Omit<CpuThreadData, 'index' | 'inbox' | 'peers'>;

/** Omits from each member of a union. */
type Request = ToCpu extends infer Message
  ? Message extends { request: number }
    ? Omit<Message, 'request'>
    : never
  : never;

/** The cpu threads, seen from the main thread: requests and their answers. */
export class CpuThreads {
  readonly #control: CpuControl;
  readonly #listener: CpuListener;
  readonly #workers: Worker[] = [];
  readonly #inboxes: MessagePort[] = [];
  readonly #pending = new Map<number, Pending>();
  #lastRequest = 0;
  #failure: CkptError | undefined;
  #stopped: Promise<void> | undefined;

  constructor(control: CpuControl, shared: Shared, listener: CpuListener) {
    this.#control = control;
    this.#listener = listener;
    const peers = meshOfPorts(control.cpus);
    for (let index = 0; index < control.cpus; index++) {
      const { port1, port2 } = new MessageChannel();
      this.#inboxes.push(port1);
      const data: CpuThreadData = { ...shared, index, inbox: port2, peers: peers[index]! };
      const transferList = [port2, ...peers[index]!.filter((port) => port !== undefined)];
      // Host descriptors belong to the process: one thread opens, another may close.
      const worker = new Worker(new URL('./cpu.worker.js', import.meta.url), {
        workerData: data,
        transferList,
        trackUnmanagedFds: false,
      });
      worker.on('message', (message: FromCpu) => this.#receive(message));
      worker.on('error', (error) => this.#panic(`cpu ${index} failed: ${error.message}`, error));
      worker.on('exit', (code) => this.#stopped ?? this.#panic(`cpu ${index} ended with code ${code}`));
      this.#workers.push(worker);
    }
  }

  /** Sends a request to a cpu; resolves when it has answered. */
  async ask(cpu: number, message: Request): Promise<void> {
    const { request, done } = this.register();
    this.send(cpu, { ...message, request } as ToCpu);
    await done;
  }

  /** @throws EPIPE a thread has died, or all were stopped */
  assertAlive(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** A request number, and the promise of its answer: for requests that several cpus hear. */
  register(): { readonly request: number; readonly done: Promise<void> } {
    this.assertAlive();
    const request = ++this.#lastRequest;
    const done = new Promise<void>((resolve, reject) => this.#pending.set(request, { resolve, reject }));
    return { request, done };
  }

  send(cpu: number, message: ToCpu): void {
    this.assertAlive();
    this.#inboxes[cpu]!.postMessage(message);
    this.#control.ring(cpu, IRQ.MESSAGE);
  }

  broadcast(message: ToCpu): void {
    for (let cpu = 0; cpu < this.#workers.length; cpu++) this.send(cpu, message);
  }

  /** Settles a request from this side. */
  settle(request: number, error?: Error): void {
    const pending = this.#pending.get(request);
    this.#pending.delete(request);
    if (error === undefined) pending?.resolve();
    else pending?.reject(error);
  }

  /** Ends all threads; whoever still waits, or asks later, is told EPIPE. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const dead = this.#failure !== undefined;
    this.#failure ??= new CkptError('EPIPE', 'the kernel was shut down');
    this.#control.ringAll(IRQ.STOP);
    const ended = Promise.all(
      this.#workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))),
    );
    const terminate = () => Promise.all(this.#workers.map((worker) => worker.terminate()));
    const timer = setTimeout(terminate, STOP_TIMEOUT_MS);
    await (dead ? terminate() : ended);
    clearTimeout(timer);
    for (const port of this.#inboxes) port.close();
    this.#rejectAll(this.#failure);
  }

  #receive(message: FromCpu): void {
    switch (message.type) {
      case 'answer':
        return this.settle(message.request, message.error && errorFromData(message.error));
      case 'exited':
        return this.#listener.exited(message.exits);
      case 'stopped':
        return this.#listener.stopped(message.request);
      case 'piece':
        return this.#listener.piece(message);
    }
  }

  #panic(what: string, cause?: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = new CkptError('EPIPE', `${what}; its tasks are lost`, {}, cause);
    this.#rejectAll(this.#failure);
    this.#listener.panicked(this.#failure);
  }

  #rejectAll(error: CkptError): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

/** A port from each cpu to each other one. */
function meshOfPorts(cpus: number): (MessagePort | undefined)[][] {
  const ports = Array.from({ length: cpus }, () => new Array<MessagePort | undefined>(cpus).fill(undefined));
  for (let a = 0; a < cpus; a++) {
    for (let b = a + 1; b < cpus; b++) {
      const { port1, port2 } = new MessageChannel();
      ports[a]![b] = port1;
      ports[b]![a] = port2;
    }
  }
  return ports;
}
