import { CkptError, type ErrorData, errorToData, isCkptError } from '@ckptree/errors';
import {
  type CheckpointRecord,
  type CheckpointRequest,
  CONTROL_KEYS,
  type Records,
  type Schedule,
  type ScheduleRequest,
} from '@ckptree/protocol';
import { newManifestId } from '@ckptree/store';
import { Cron } from 'croner';
import { Interval } from './interval.js';

const FIRST_DELAY_MS = 1_000;
/** As many as their record may have. */
const MOST = 1_000;

/** All of them share one record. */
const MOST_OF_MESSAGE = 1_000;

type Outcome = Pick<Schedule, 'last' | 'lastRun' | 'lastError'>;

export interface SchedulesParts {
  /** Resolves when it will be dealt with. @param signal raised when it is not to be dealt with any more */
  readonly queue: (request: CheckpointRequest, signal: AbortSignal) => Promise<unknown>;
  readonly records: Records['schedules'];
  /** @throws ESRCH no such task runs */
  readonly locate: (pid: number) => Promise<unknown>;
  /** Whether a checkpoint is under way. */
  readonly isRunning: (checkpoint: string) => boolean;
  readonly onMissed: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Takes checkpoints again and again, while this coordinator leads. The schedules themselves stand in a record. A schedule is for whichever
 * tree has its task: as long as none has, it rests and says so, and goes on when the tree was restarted.
 */
export class Schedules {
  readonly #parts: SchedulesParts;
  readonly #schedules = new Map<string, Schedule>();
  readonly #timers = new Map<string, Cron | Interval>();
  /** Resolves when the last change was made, or was not. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #end = new AbortController();

  private constructor(parts: SchedulesParts) {
    this.#parts = parts;
  }

  static async begin(parts: SchedulesParts): Promise<Schedules> {
    const schedules = new Schedules(parts);
    const entry = await parts.records.get(CONTROL_KEYS.schedules);
    for (const schedule of entry?.value.schedules ?? []) schedules.#start(schedule);
    return schedules;
  }

  list(): Schedule[] {
    return [...this.#schedules.values()].map((schedule) => ({ ...schedule, ...this.#next(schedule) }));
  }

  /**
   * @throws EINVAL neither an interval nor a cron expression, or both, or one that makes no sense; ESRCH no such task runs;
   *   ENOSPC there are too many; what writing their record throws. Then all is as it was
   */
  async put(request: ScheduleRequest): Promise<Schedule> {
    const { pid, everyMs, cron } = request;
    if ((everyMs === undefined) === (cron === undefined))
      throw new CkptError('EINVAL', 'a schedule has an interval (everyMs) or a cron expression; give one', {
        field: '/everyMs',
      });
    if (cron !== undefined) checkCron(cron);
    await this.#parts.locate(pid);
    return this.#inTurn(async () => {
      const schedule = { ...request, schedule: request.schedule ?? this.#freeId() };
      const all = new Map(this.#schedules).set(schedule.schedule, schedule);
      if (all.size > MOST)
        throw new CkptError(
          'ENOSPC',
          `there are ${MOST} schedules already; cancel those that are not needed`,
        );
      await this.#save(all);
      this.#stop(schedule.schedule);
      this.#start(schedule);
      return { ...schedule, ...this.#next(schedule) };
    });
  }

  /** Whoever asks again has heard nothing: one that is gone is as good as one that goes now. */
  remove(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const rest = new Map(this.#schedules);
      if (!rest.delete(id)) return;
      await this.#save(rest);
      this.#stop(id);
    });
  }

  /** A checkpoint has ended: that of a schedule says so in its labels. */
  async ended({ checkpoint, state, request, error }: CheckpointRecord): Promise<void> {
    const id = request.labels?.schedule ?? '';
    if (state === 'completed' || this.#schedules.get(id)?.pid !== request.pid) return;
    const why = error ?? { code: 'EINTR', message: 'it was cancelled' };
    const outcome = { last: checkpoint, lastRun: request.requested, lastError: brief(why) };
    await this.#inTurn(() => this.#note(id, outcome));
  }

  close(): void {
    this.#end.abort(new CkptError('EINTR', 'this coordinator leads no longer'));
    for (const id of [...this.#timers.keys()]) this.#stop(id);
  }

  /** One change after the other, so that none is lost. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined); // told to whoever asked for it
    return turn;
  }

  #start(schedule: Schedule): void {
    if (this.#end.signal.aborted) return;
    const { schedule: id, everyMs, cron } = schedule;
    this.#schedules.set(id, schedule);
    const fire = () => void this.#fire(id).catch(this.#parts.onError);
    if (cron !== undefined) this.#timers.set(id, new Cron(cron, { timezone: 'UTC' }, fire));
    else if (everyMs !== undefined)
      this.#timers.set(id, new Interval(firstDelay(schedule, everyMs), everyMs, fire));
  }

  #stop(id: string): void {
    this.#timers.get(id)?.stop();
    this.#timers.delete(id);
    this.#schedules.delete(id);
  }

  async #fire(id: string): Promise<void> {
    const schedule = this.#schedules.get(id);
    if (schedule === undefined) return;
    const { last } = schedule;
    // One at a time: a checkpoint that takes longer than its interval must not pile up.
    if (last !== undefined && this.#parts.isRunning(last)) return this.#parts.onMissed();
    const now = new Date();
    const outcome = { lastRun: now.toISOString(), ...(await this.#outcome(schedule, now)) };
    await this.#inTurn(() => this.#note(id, outcome));
  }

  async #outcome(schedule: Schedule, now: Date): Promise<Outcome> {
    try {
      await this.#parts.locate(schedule.pid);
    } catch (error) {
      // Any other error is for the checkpoint to tell.
      if (isCkptError(error) && error.code === 'ESRCH') return { lastError: brief(errorToData(error)) };
    }
    try {
      return { last: await this.#request(schedule, now) };
    } catch (error) {
      return { lastError: brief(errorToData(error)) };
    }
  }

  async #request({ schedule: id, pid, name, labels, container }: Schedule, now: Date): Promise<string> {
    const checkpoint = newManifestId(now);
    const request: CheckpointRequest = {
      version: 1,
      checkpoint,
      pid,
      requested: now.toISOString(),
      ...(name !== undefined && { name }),
      labels: { ...labels, schedule: id },
      ...(container !== undefined && { container }),
    };
    await this.#parts.queue(request, this.#end.signal);
    return checkpoint;
  }

  /** It may have been removed, or be another one, by now. */
  async #note(id: string, outcome: Outcome): Promise<void> {
    const current = this.#schedules.get(id);
    if (current === undefined || isKnown(outcome, current)) return;
    const { lastError, ...rest } = current;
    const noted = { ...rest, ...outcome };
    // One that rests says the same each time: that is not written anew.
    const rests = outcome.last === undefined && outcome.lastError?.message === lastError?.message;
    if (!rests) await this.#save(new Map(this.#schedules).set(id, noted));
    this.#schedules.set(id, noted);
  }

  async #save(all: ReadonlyMap<string, Schedule>): Promise<void> {
    const schedules = [...all.values()].map(({ next: _, ...schedule }) => schedule);
    await this.#parts.records.put(CONTROL_KEYS.schedules, { version: 1, schedules });
  }

  #next({ schedule: id }: Schedule): Pick<Schedule, 'next'> {
    const next = this.#timers.get(id)?.nextRun();
    return next == null ? {} : { next: next.toISOString() };
  }

  #freeId(): string {
    let number = 1;
    while (this.#schedules.has(`s-${number}`)) number++;
    return `s-${number}`;
  }
}

/** The end of a checkpoint may be heard of before it is known that its request is in the queue, or long after. */
function isKnown({ last, lastError }: Outcome, { last: newest = '' }: Schedule): boolean {
  if (last === undefined) return false;
  return lastError === undefined ? last === newest : last < newest;
}

function brief({ code, message }: Pick<ErrorData, 'code' | 'message'>): ErrorData {
  return { code, message: message.slice(0, MOST_OF_MESSAGE), fields: {} };
}

/** Soon, for a new one; whoever leads next goes on from the newest checkpoint. */
function firstDelay({ last }: Schedule, everyMs: number): number {
  const sinceLast = last === undefined ? everyMs : Date.now() - timeOf(last);
  return Math.min(Math.max(everyMs - sinceLast, FIRST_DELAY_MS), everyMs);
}

/** When a checkpoint was asked for, as its id begins: `20261123t153926123`. */
function timeOf(checkpoint: string): number {
  const [, year, month, day, hour, minute, second, ms] =
    /^(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)(\d{3})/.exec(checkpoint)!;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
}

function checkCron(cron: string): void {
  try {
    new Cron(cron, { paused: true, timezone: 'UTC' }).stop();
  } catch (error) {
    throw new CkptError(
      'EINVAL',
      `${JSON.stringify(cron)} is no cron expression: ${(error as Error).message}`,
      { field: '/cron' },
      error,
    );
  }
}
