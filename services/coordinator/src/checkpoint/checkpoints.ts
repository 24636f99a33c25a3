import { release as osRelease, version as osVersion } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { asCkptError, CkptError, errorToData, isCkptError } from '@ckptree/errors';
import { KERNEL_CONSTANTS } from '@ckptree/image';
import {
  type CheckpointRecord,
  type CheckpointRequest,
  type CheckpointState,
  isTerminal,
  type Records,
  takeRequests,
} from '@ckptree/protocol';
import { isUnreachable } from '../cluster/fan-out.js';
import type { Term } from '../cluster/leadership.js';
import { conclude } from './conclude.js';
import { RecordKeeper } from './record-keeper.js';
import { confirmed, runCheckpoint } from './run-checkpoint.js';
import type { StepParts, Underway } from './step-parts.js';
import { eventId, ofCheckpoint } from './tell.js';

/** Accepting a request takes no longer: who had it for more than this, and did not say so, is gone. */
const ACCEPT_MS = 5_000;
/** After so long, one whose record could not be written is gone on with. */
const AGAIN_MS = 1_000;
/** Of those that are over, so many that ended last are listed; the store has all that were completed. */
const LISTED = 1_000;

export interface CheckpointsParts extends StepParts {
  readonly records: Records['checkpoints'];
  readonly instance: string;
  readonly onEnd: (record: CheckpointRecord) => void;
  readonly onError: (error: unknown) => void;
}

/** A checkpoint that is held on a worker. */
export interface Stray {
  readonly checkpoint: string;
  readonly pid: number;
  readonly tree: string;
}

interface Running {
  readonly keeper: RecordKeeper;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** The checkpoints of the cluster, while this coordinator leads. */
export class Checkpoints {
  readonly #parts: CheckpointsParts;
  readonly #term: Term;
  readonly #running = new Map<string, Running>();
  /** The newest completed checkpoint of each task, by pid. */
  readonly #newest = new Map<number, Pick<CheckpointRecord, 'checkpoint' | 'tree'>>();

  /** Those that ended last, the first of them first. */
  readonly #ended = new Map<string, CheckpointRecord>();

  constructor(parts: CheckpointsParts, term: Term) {
    this.#parts = parts;
    this.#term = term;
  }

  get running(): readonly CheckpointRecord[] {
    return [...this.#running.values()].map(({ keeper }) => keeper.record);
  }

  /** Takes new requests until the term ends, when what was left is taken over. */
  async lead(): Promise<void> {
    const { signal } = this.#term;
    const { connection, onError } = this.#parts;
    const requests = takeRequests(connection, { signal, ackWaitMs: ACCEPT_MS, onInvalid: onError });
    for await (const { request, ack, retry } of requests) {
      try {
        await this.#accept(request);
        await ack();
      } catch (error) {
        onError(error);
        retry(1_000);
      }
    }
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done));
  }

  /**
   * Gives a checkpoint up.
   * @returns the state that it has now: it may be too late
   * @throws ENOENT there is no such checkpoint
   */
  async cancel(checkpoint: string): Promise<CheckpointState> {
    const running = this.#running.get(checkpoint);
    if (running === undefined) return (await this.#stored(checkpoint)).state;
    const { keeper, abort, done } = running;
    await keeper.cancel();
    if (keeper.record.state !== 'cancelled') return keeper.record.state;
    abort.abort(new CkptError('EINTR', 'the checkpoint was cancelled'));
    await done;
    return keeper.record.state;
  }

  /** Newest first. */
  async list({ checkpoint, active = false }: { readonly checkpoint?: string; readonly active?: boolean }) {
    if (checkpoint !== undefined) return [await this.#stored(checkpoint)];
    if (active) return this.running.toReversed();
    return [...this.running, ...this.#ended.values()].sort((one, other) =>
      one.checkpoint < other.checkpoint ? 1 : -1,
    );
  }

  async #stored(checkpoint: string): Promise<CheckpointRecord> {
    const running = this.#running.get(checkpoint);
    if (running !== undefined) return running.keeper.record;
    const entry = await this.#parts.records.get(checkpoint);
    if (entry !== undefined) return entry.value;
    throw new CkptError(
      'ENOENT',
      `the cluster knows no checkpoint ${checkpoint}; \`ckptree ls\` shows what is stored`,
    );
  }

  /** Begins to finish, or to fail, what other leaders left. What was asked for before is known when it resolves. */
  async takeOver(): Promise<void> {
    const { records, onError } = this.#parts;
    for (const { value, revision } of await records.list(this.#term.signal)) {
      if (this.#term.signal.aborted) return;
      if (value.state === 'completed') this.#remember(value);
      if (!isTerminal(value.state) || value.announced !== true) {
        const keeper = new RecordKeeper(records, value, revision);
        // From now on whoever had it finds out that it is not theirs any more.
        await keeper.change({ term: this.#term.number, owner: this.#parts.instance }).then(
          () => this.#run(keeper),
          (error) => {
            // It must not be left to nobody: who leads next, or this one anew, takes it.
            if (isUnreachable(error)) throw error;
            onError(error);
          },
        );
      } else this.#noteEnded(value);
    }
  }

  /**
   * One that a worker holds, and of which there is no record any more, is over: what is listed is complete, and all else has failed.
   * @throws what the store throws when it cannot be asked now
   */
  async concludeStray({ checkpoint, pid, tree }: Stray, worker: string): Promise<void> {
    const { records, trees } = this.#parts;
    if ((await records.get(checkpoint)) !== undefined) return;
    const lost = new CkptError('EPIPE', 'NATS lost the record of the checkpoint; ask for another');
    const listed = await confirmed(this.#parts, checkpoint, this.#term.signal);
    // What it was called was in the record, and is in the manifest if there is one.
    const { name, labels } = listed ?? {};
    const called = { ...(name !== undefined && { name }), ...(labels !== undefined && { labels }) };
    const record: CheckpointRecord = {
      ...this.#newRecord({ version: 1, checkpoint, pid, requested: new Date().toISOString(), ...called }),
      tree,
      workers: trees.find(tree)?.workers ?? [worker],
      durationMs: 0,
      ...(listed === undefined ? { state: 'failed', error: errorToData(lost) } : { state: 'completed' }),
    };
    const revision = await records.create(checkpoint, record);
    if (revision !== undefined) this.#run(new RecordKeeper(records, record, revision));
  }

  #newRecord(request: CheckpointRequest): CheckpointRecord {
    const now = new Date().toISOString();
    return {
      version: 1,
      checkpoint: request.checkpoint,
      state: 'requested',
      term: this.#term.number,
      owner: this.#parts.instance,
      request,
      created: now,
      updated: now,
      system: { release: fit(osRelease()), version: fit(osVersion()) },
    };
  }

  /** A request that comes again finds the record of the first time. */
  async #accept(request: CheckpointRequest): Promise<void> {
    const { records, events } = this.#parts;
    const parent = this.#parentOf(request.pid);
    const record: CheckpointRecord = {
      ...this.#newRecord(request),
      ...(parent !== undefined && { parent }),
    };
    const revision = await records.create(request.checkpoint, record);
    if (revision === undefined) return;
    events.tell({ type: 'accepted', ...ofCheckpoint(record) }, eventId(record, 'accepted'));
    this.#run(new RecordKeeper(records, record, revision));
  }

  #run(keeper: RecordKeeper): void {
    const { checkpoint, request } = keeper.record;
    const abort = new AbortController();
    const limits: AbortSignal[] = [abort.signal, this.#term.signal];
    const timer =
      request.timeoutMs === undefined
        ? undefined
        : setTimeout(() => abort.abort(late(request.timeoutMs!)), request.timeoutMs);
    const underway = { keeper, signal: AbortSignal.any(limits), term: this.#term.signal };
    const done = this.#work(underway).finally(() => {
      clearTimeout(timer);
      this.#running.delete(checkpoint);
    });
    this.#running.set(checkpoint, { keeper, abort, done });
  }

  async #work(underway: Underway): Promise<void> {
    const { keeper } = underway;
    const { onEnd, onError } = this.#parts;
    while (!keeper.isOver && !this.#term.signal.aborted)
      try {
        await runCheckpoint(this.#parts, underway);
      } catch (error) {
        // Cancelled: whoever did that tells.
        if (keeper.isOver || this.#term.signal.aborted) break;
        onError(error);
        if (!(await this.#isStillOurs(keeper))) return;
      }
    while (!this.#term.signal.aborted && keeper.record.announced !== true)
      try {
        await conclude(this.#parts, underway);
      } catch (error) {
        if (this.#term.signal.aborted) return;
        onError(asCkptError(error));
        if (!(await this.#isStillOurs(keeper))) return;
      }
    if (this.#term.signal.aborted) return;
    this.#remember(keeper.record);
    this.#noteEnded(keeper.record);
    onEnd(keeper.record);
  }

  /** What its record says is read again until that succeeds: nobody else will see to it as long as this one leads. */
  async #isStillOurs(keeper: RecordKeeper): Promise<boolean> {
    const { signal } = this.#term;
    for (;;) {
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return true;
      try {
        await keeper.refresh();
        return true;
      } catch (error) {
        this.#parts.onError(error);
        if (isTakenOver(error)) return false;
      }
    }
  }

  #noteEnded(record: CheckpointRecord): void {
    this.#ended.set(record.checkpoint, record);
    const [first] = this.#ended.keys();
    if (this.#ended.size > LISTED && first !== undefined) this.#ended.delete(first);
  }

  /** They come in any order. */
  #remember({ state, checkpoint, tree, request: { pid } }: CheckpointRecord): void {
    if (state !== 'completed' || checkpoint < (this.#newest.get(pid)?.checkpoint ?? '')) return;
    this.#newest.set(pid, { checkpoint, ...(tree !== undefined && { tree }) });
  }

  /** What the next checkpoint of a task is likely to be much like: the last one, or that which its tree was started from since. */
  #parentOf(pid: number): string | undefined {
    // Whoever waited for one to be completed may have heard of it before all is done here.
    for (const record of this.running) this.#remember(record);
    const newest = this.#newest.get(pid);
    const tree = this.#parts.trees.withRoot(pid);
    return newest?.tree === tree?.tree ? newest?.checkpoint : (tree?.checkpoint ?? newest?.checkpoint);
  }
}

const isTakenOver = (error: unknown): boolean => isCkptError(error) && error.code === 'EPERM';

const fit = (text: string): string => text.slice(0, KERNEL_CONSTANTS.uts_release_len - 1);

const late = (timeoutMs: number): CkptError =>
  new CkptError('ETIMEDOUT', `the checkpoint was not done within ${timeoutMs} ms`);
