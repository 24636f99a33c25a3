import { availableParallelism } from 'node:os';
import { CkptError, errorFromData } from '@ckptree/errors';
import { PAGE_SIZE } from '@ckptree/model';
import { Piscina } from 'piscina';
import type { ChunkSettings } from '../chunk.js';
import type { ChunkId } from '../content-hash.js';
import {
  type ChunkEngine,
  type Contents,
  contentsSize,
  inlineEngine,
  type Recorded,
  type RecordPlace,
  type RecordSource,
  type Sealed,
} from './chunk-engine.js';
import type { EngineAnswer, EngineRequest, EngineResult, EngineThreadData } from './engine-messages.js';
import type { SlabPages, SlabScan } from './scan-slab.js';
import { type SharedContents, shareContents } from './shared-contents.js';

/** Bytes: less than this is done sooner than handed over. */
const WORTHWHILE = 256 * 1024;
/** Bytes: for more than this all threads will be wanted. To start one takes as long as hashing a few hundred MiB. */
const WORTH_ALL_THREADS = 64 * 1024 * 1024;

type Work<R = EngineRequest> = R extends EngineRequest ? Omit<R, 'settings'> : never;

/** Does the work in threads. An idle pool does not keep the process alive. */
export class PoolEngine implements ChunkEngine {
  readonly lanes: number;
  readonly #settings: ChunkSettings;
  readonly #inline: ChunkEngine;
  readonly #piscina: Piscina<EngineRequest, EngineAnswer>;
  #closed = false;

  /** @param threads as many as there are cores unless said. @param givesWay they give way to all others; see giveWay() */
  constructor(settings: ChunkSettings, threads: number = availableParallelism(), givesWay = false) {
    this.lanes = threads;
    this.#settings = settings;
    this.#inline = inlineEngine(settings);
    const workerData: EngineThreadData = { givesWay };
    this.#piscina = new Piscina({
      workerData,
      filename: new URL('./engine.worker.cjs', import.meta.url).href,
      name: 'answer',
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: IDLE_MS,
      recordTiming: false,
      // Waiting for work by Atomics.wait keeps a thread's loop from turning, and then nothing that a native library has
      // allocated is given back: 6 GiB were held at the end of an export of 1 GiB.
      atomics: 'disabled',
    });
    // A thread that dies at work fails its request, where it is reported; one that dies idle harms nobody.
    this.#piscina.on('error', () => undefined);
  }

  prepare(bytes: number): void {
    if (bytes < WORTH_ALL_THREADS) return;
    // Piscina starts a thread for each request that finds all others at work. One that cannot start is told of by its first work.
    for (let thread = 0; thread < this.lanes; thread++) this.#run({ kind: 'start' }).catch(() => undefined);
  }

  async scan(pages: SlabPages): Promise<SlabScan> {
    const { slab, known, loose, stretches } = pages;
    const isSmall = known.length * PAGE_SIZE < WORTHWHILE;
    // Looking for zeros takes less than a message.
    const isQuick = !loose.includes(0) && !stretches.some((stretch) => 'fd' in stretch);
    if (isSmall || isQuick || !isShared(slab)) return this.#inline.scan(pages);
    return (await this.#run({ kind: 'scan', pages })) as SlabScan;
  }

  async seal(contents: Contents, ids: Uint8Array, target: Uint8Array): Promise<Sealed> {
    const shared = sharedIfWorthwhile(contents, target);
    if (shared === undefined) return this.#inline.seal(contents, ids, target);
    return (await this.#run({ kind: 'seal', contents: shared, ids, target })) as Sealed;
  }

  async record(contents: Contents, target: Uint8Array): Promise<Recorded> {
    const shared = sharedIfWorthwhile(contents, target);
    if (shared === undefined) return this.#inline.record(contents, target);
    return (await this.#run({ kind: 'record', contents: shared, target })) as Recorded;
  }

  async open(id: ChunkId, record: Uint8Array, target?: Uint8Array): Promise<Uint8Array> {
    if (record.length < WORTHWHILE / 8) return this.#inline.open(id, record, target);
    return (await this.#run({ kind: 'open', id, record, target }, ownBuffers(record))) as Uint8Array;
  }

  async openAll(source: RecordSource, records: readonly RecordPlace[]): Promise<Uint32Array> {
    // A file is read in a thread, however little it is: disks may be slow.
    const isHere = source instanceof Uint8Array;
    if (isHere && source.length < WORTHWHILE / 8) return this.#inline.openAll(source, records);
    const transfer = isHere ? ownBuffers(source) : [];
    return (await this.#run({ kind: 'open all', source, records }, transfer)) as Uint32Array;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#piscina.close();
  }

  async #run(work: Work, transfer: readonly ArrayBuffer[] = []): Promise<EngineResult> {
    // piscina itself would start again.
    if (this.#closed) throw new CkptError('EPIPE', 'the store is closed');
    const answer = await this.#ask({ settings: this.#settings, ...work }, transfer);
    if (!answer.ok) throw errorFromData(answer.error);
    return answer.result;
  }

  async #ask(request: EngineRequest, transfer: readonly ArrayBuffer[]): Promise<EngineAnswer> {
    try {
      return await this.#piscina.run(request, { transferList: [...transfer] });
    } catch (error) {
      throw new CkptError('EPIPE', 'a thread of the store is gone before its work was done', {}, error);
    }
  }
}

/** Longer than the usual time between two checkpoints of a schedule: a thread that has to start costs more than its share of a small one. */
const IDLE_MS = 120_000;

/** A buffer of its own goes over without a copy; nobody looks at the bytes again. */
const ownBuffers = ({ buffer, byteLength }: Uint8Array): ArrayBuffer[] =>
  buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];

/** Only shared memory is handed over without a copy. */
const isShared = ({ buffer }: Uint8Array): boolean => buffer instanceof SharedArrayBuffer;

const sharedIfWorthwhile = (contents: Contents, target: Uint8Array): SharedContents | undefined =>
  isShared(target) && contentsSize(contents) >= WORTHWHILE ? shareContents(contents) : undefined;

/** For Store.open: the work of a store in threads. @param givesWay for a process whose tasks go on meanwhile */
export const poolEngine =
  (threads?: number, givesWay?: boolean) =>
  (settings: ChunkSettings): ChunkEngine =>
    new PoolEngine(settings, threads, givesWay);
