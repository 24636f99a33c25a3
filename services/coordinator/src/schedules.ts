import { CkptError, errorToData } from '@ckptree/errors';
import {
  CONTROL_KEYS,
  type Connection,
  queueRequest,
  type Records,
  type Schedule,
  type ScheduleRequest,
} from '@ckptree/protocol';
import { newManifestId } from '@ckptree/store';
import { Cron } from 'croner';

const FIRST_DELAY_MS = 1_000;

export interface SchedulesParts {
  readonly connection: Connection;
  readonly records: Records['schedules'];
  /** Whether a checkpoint is under way. */
  readonly isRunning: (checkpoint: string) => boolean;
  readonly onMissed: () => void;
  readonly onError: (error: unknown) => void;
}

/** Takes checkpoints again and again, while this coordinator leads. The schedules themselves stand in a record. */
export class Schedules {
  readonly #parts: SchedulesParts;
  readonly #schedules = new Map<string, Schedule>();
  readonly #timers = new Map<string, Cron | NodeJS.Timeout>();

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

  /** @throws EINVAL neither an interval nor a cron expression, or both, or one that makes no sense */
  async put(request: ScheduleRequest): Promise<Schedule> {
    const { everyMs, cron } = request;
    if ((everyMs === undefined) === (cron === undefined))
      throw new CkptError('EINVAL', 'a schedule has an interval (everyMs) or a cron expression; give one', {
        field: '/everyMs',
      });
    if (cron !== undefined) checkCron(cron);
    const schedule = { ...request, schedule: request.schedule ?? this.#freeId() };
    this.#stop(schedule.schedule);
    this.#start(schedule);
    await this.#save();
    return { ...schedule, ...this.#next(schedule) };
  }

  /** Whoever asks again has heard nothing: one that is gone is as good as one that goes now. */
  async remove(id: string): Promise<void> {
    if (!this.#schedules.has(id)) return;
    this.#stop(id);
    await this.#save();
  }

  close(): void {
    for (const id of [...this.#timers.keys()]) this.#stop(id);
  }

  #start(schedule: Schedule): void {
    const { schedule: id, everyMs, cron } = schedule;
    this.#schedules.set(id, schedule);
    const fire = () => void this.#fire(id).catch(this.#parts.onError);
    if (cron !== undefined) this.#timers.set(id, new Cron(cron, { timezone: 'UTC' }, fire));
    else if (everyMs !== undefined) this.#timers.set(id, setTimeout(fire, Math.min(everyMs, FIRST_DELAY_MS)));
  }

  #stop(id: string): void {
    const timer = this.#timers.get(id);
    if (timer instanceof Cron) timer.stop();
    else clearTimeout(timer);
    this.#timers.delete(id);
    this.#schedules.delete(id);
  }

  async #fire(id: string): Promise<void> {
    const schedule = this.#schedules.get(id);
    if (schedule === undefined) return;
    const { everyMs, last } = schedule;
    if (everyMs !== undefined)
      this.#timers.set(
        id,
        setTimeout(() => void this.#fire(id).catch(this.#parts.onError), everyMs),
      );
    // One at a time: a checkpoint that takes longer than its interval must not pile up.
    if (last !== undefined && this.#parts.isRunning(last)) return this.#parts.onMissed();
    await this.#request(schedule);
  }

  async #request({ schedule: id, pid, name, labels, container }: Schedule): Promise<void> {
    const now = new Date();
    const checkpoint = newManifestId(now);
    let outcome: Pick<Schedule, 'last' | 'lastError'>;
    try {
      await queueRequest(this.#parts.connection, {
        version: 1,
        checkpoint,
        pid,
        requested: now.toISOString(),
        ...(name !== undefined && { name }),
        labels: { ...labels, schedule: id },
        ...(container !== undefined && { container }),
      });
      outcome = { last: checkpoint };
    } catch (error) {
      outcome = { lastError: errorToData(error) };
    }
    // It may have been removed, or be another one, by now.
    const current = this.#schedules.get(id);
    if (current === undefined) return;
    const { lastError: _, ...rest } = current;
    this.#schedules.set(id, { ...rest, ...outcome });
    await this.#save();
  }

  async #save(): Promise<void> {
    const schedules = [...this.#schedules.values()].map(({ next: _, ...schedule }) => schedule);
    await this.#parts.records.put(CONTROL_KEYS.schedules, { version: 1, schedules });
  }

  #next({ schedule: id }: Schedule): Pick<Schedule, 'next'> {
    const timer = this.#timers.get(id);
    const next = timer instanceof Cron ? timer.nextRun() : undefined;
    return next == null ? {} : { next: next.toISOString() };
  }

  #freeId(): string {
    let number = 1;
    while (this.#schedules.has(`s-${number}`)) number++;
    return `s-${number}`;
  }
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
