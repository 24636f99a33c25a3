import {
  type CheckpointRecord,
  type Connection,
  coordinator,
  type EventPublisher,
  queueRequest,
  type Records,
  serveAll,
} from '@ckptree/protocol';
import type { Store } from '@ckptree/store';
import { Checkpoints } from './checkpoint/checkpoints.js';
import type { StepLimits } from './checkpoint/step-parts.js';
import { untilAllTreesAreKnown } from './cluster/all-trees.js';
import type { Term } from './cluster/leadership.js';
import { Strays } from './cluster/strays.js';
import type { Telling } from './cluster/telling.js';
import { SILENT_MS, Workers } from './cluster/workers.js';
import type { CoordinatorObserver } from './coordinator-observer.js';
import { type CoordinatorHandlers, coordinatorHandlers } from './handlers.js';
import { leftToTheNext } from './left-to-the-next.js';
import { Retention } from './retention.js';
import { Schedules } from './schedules.js';
import { ProcessTable } from './tree/process-table.js';
import { StartingPids } from './tree/starting-pids.js';
import { TreeKeeper } from './tree/tree-keeper.js';
import type { TreeParts } from './tree/tree-parts.js';
import { Trees } from './tree/trees.js';
import { Upkeep, type UpkeepParts } from './upkeep.js';

/** How long the request of a schedule may take to be accepted; what an outage takes is not counted. */
const QUEUE_MS = 5_000;

export interface LeadParts {
  readonly connection: Connection;
  /** Those in which nothing is written any more once the signal is raised. */
  readonly records: (signal: AbortSignal) => Records;
  readonly publisher: EventPublisher;
  readonly events: Telling;
  readonly store: () => Promise<Store>;
  readonly instance: string;
  readonly observer: CoordinatorObserver;
  readonly limits: StepLimits;
  readonly upkeep: UpkeepParts['everyMs'];
  readonly onError: (error: unknown) => void;
}

/** Leads for a term. Everything that is known comes from the records and the workers, and is forgotten behind it. */
export async function lead(parts: LeadParts, term: Term): Promise<void> {
  const atEnd: (() => unknown)[] = [];
  try {
    await leadUntilTheEnd(parts, term, atEnd);
  } finally {
    for (const close of atEnd.reverse())
      try {
        await close();
      } catch (error) {
        parts.onError(error);
      }
  }
}

/** @param atEnd gets what is to be done when the term is over, however it ends; the last first */
async function leadUntilTheEnd(parts: LeadParts, term: Term, atEnd: (() => unknown)[]): Promise<void> {
  const { connection, publisher, observer, onError } = parts;
  // What is on its way when the term ends must not undo what the next leader has written.
  const records = parts.records(term.signal);
  const trees = await Trees.load(records.trees, term.signal);
  let keeper: TreeKeeper | undefined;
  let absent: NodeJS.Timeout | undefined;
  let onJoined: ((worker: string) => void) | undefined;
  const workers = new Workers({
    connection,
    workers: records.workers,
    events: publisher,
    treesOn: (worker) => trees.on(worker).map(({ tree }) => tree),
    onJoined: (worker) => onJoined?.(worker),
    onLost: (worker) => {
      observer.lost();
      keeper?.lost(worker).catch(onError);
    },
    onError,
  });
  const onEnded = (): void => void workers.close();
  term.signal.addEventListener('abort', onEnded, { once: true });
  atEnd.push(() => {
    term.signal.removeEventListener('abort', onEnded);
    return workers.close();
  });
  await workers.ready;
  const table = new ProcessTable({ connection, workers, trees, signal: term.signal });
  const treeParts = { ...parts, workers, trees, table, startingPids: new StartingPids() };
  const treeKeeper = new TreeKeeper(treeParts, onError);
  keeper = treeKeeper;
  atEnd.push(() => treeKeeper.close());
  // An outage takes the records of workers with it: each has as long to be heard as one that falls silent.
  const awaitAbsent = (): void => {
    clearTimeout(absent);
    if (!term.signal.aborted)
      absent = setTimeout(() => void loseAbsent(treeKeeper, treeParts).catch(onError), SILENT_MS);
  };
  awaitAbsent();
  atEnd.push(() => clearTimeout(absent));
  await treeKeeper.undoHalfStarted();
  const onEnd = (record: CheckpointRecord): void => {
    observer.ended(record);
    schedules.ended(record).catch(onError);
  };
  const checkpoints = new Checkpoints({ ...treeParts, records: records.checkpoints, onEnd }, term);
  const schedules = await Schedules.begin({
    queue: (request, signal) => queueRequest(connection, request, { timeoutMs: QUEUE_MS, signal }),
    records: records.schedules,
    locate: (pid) => table.locate(pid),
    isRunning: (id) => checkpoints.running.some(({ checkpoint }) => checkpoint === id),
    onMissed: () => observer.missed(),
    onError,
  });
  atEnd.push(() => schedules.close());
  const retention = await Retention.begin({
    records: records.retention,
    store: parts.store,
    onRemoved: (count) => observer.removed(count),
    onError,
  });
  atEnd.push(() => retention.close());
  const upkeep = await Upkeep.begin({
    connection,
    records: records.upkeep,
    everyMs: parts.upkeep,
    onError,
  });
  atEnd.push(() => upkeep.close());
  const strays = new Strays({
    ...{ ...treeParts, checkpoints, signal: term.signal },
    noted: () => treeKeeper.noted(),
    onFound: awaitAbsent,
  });
  onJoined = (worker) => strays.takeIn(worker);
  for (const { worker } of workers.list()) onJoined(worker);
  await untilAllTreesAreKnown({ records, strays }, term);
  // Whoever asks for one that was left is to find it, and can cancel it.
  await checkpoints.takeOver();
  const { restart, ...handlers } = coordinatorHandlers({
    ...treeParts,
    checkpoints,
    schedules,
    retention,
    signal: term.signal,
  });
  const observed: CoordinatorHandlers = {
    ...handlers,
    restart: (...asked) => observer.restarting(() => restart(...asked)),
  };
  const served = serveAll(connection, coordinator, leftToTheNext(observed, term.signal));
  atEnd.push(() => served.stop());
  const looking = setInterval(() => observer.look({ workers, trees, checkpoints, schedules }), 1_000);
  atEnd.push(() => {
    clearInterval(looking);
    observer.rest();
  });
  await checkpoints.lead();
}

/** Workers that were lost while nobody led. */
async function loseAbsent(keeper: TreeKeeper, { trees, workers, events }: TreeParts): Promise<void> {
  const absent = new Set(trees.unended.flatMap((tree) => tree.workers.filter((id) => !workers.isAlive(id))));
  for (const worker of absent) {
    const hosted = trees.on(worker).map(({ tree }) => tree);
    const lost = { type: 'worker.lost', worker, reason: 'silent', trees: hosted } as const;
    // When it was started is not known, which the id has otherwise.
    if (hosted.length > 0) events.tell(lost, `${worker}.lost.${hosted[0]}`);
    await keeper.lost(worker);
  }
}
