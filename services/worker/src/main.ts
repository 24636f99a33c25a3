import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { StoreAccess } from '@ckptree/carrier';
import { Kernel } from '@ckptree/kernel';
import { DocumentShelf, EventPublisher, recordsOf, serveAll, worker } from '@ckptree/protocol';
import {
  awaitCluster,
  carrierObserver,
  checkStoreSecrets,
  type Log,
  openConnection,
  readStoreSecrets,
  runService,
  workerMetrics,
} from '@ckptree/service';
import { EndReporter } from './end-reporter.js';
import { HeldCheckpoints } from './held-checkpoints.js';
import { HostedTrees } from './hosted-trees.js';
import { workerOptions } from './options.js';
import { ProgressReporter } from './progress-reporter.js';
import { Registration } from './registration.js';
import { type Standing, WorkerObserver } from './worker-observer.js';
import { workerHandlers } from './worker-service.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

const LOOK_MS = 1_000;

/** The main() of the worker service. */
export const runWorker = (): Promise<void> =>
  runService({
    role: 'worker',
    description: 'Hosts tasks, and saves and loads their memory where it is.',
    version,
    options: workerOptions,
    check: checkStoreSecrets,
    start: async (components) => {
      const { config, log, registry } = components;
      const onError = complain(log);
      const observer = new WorkerObserver(workerMetrics(registry));
      const connection = await openConnection('worker', components);
      await awaitCluster(connection, components);
      const { workers } = recordsOf(connection);
      const events = new EventPublisher(connection);
      const kernel = Kernel.boot({
        cpus: config.cpus,
        memoryBytes: config.memory,
        maxTasks: config.maxTasks,
        ...(config.ticksPerSecond !== undefined && { ticksPerSecond: config.ticksPerSecond }),
      });
      if (config.populate) await kernel.populate({ signal: components.signal });
      const incarnation = randomBytes(4).toString('hex');
      const reporter = new EndReporter({ events, worker: config.id, incarnation, onError });
      const trees = new HostedTrees(kernel, (hosted, end) => {
        reporter.add(hosted, end);
        observer.ended(end);
      });
      const store = new StoreAccess(connection, {
        ...(config.volume !== undefined && { volume: config.volume }),
        threads: config.threads,
        secrets: await readStoreSecrets(config),
        observer: carrierObserver(registry),
      });
      const progress = new ProgressReporter(events, config.id);
      const checkpoints = new HeldCheckpoints({
        kernel,
        worker: config.id,
        store: () => store.store(),
        observer,
        onProgress: (held, figures) => progress.tell(held, figures),
        onError,
      });
      // Before anything is answered in its name.
      const registration = await Registration.begin(
        { kernel, workers, dumps: () => checkpoints.dumping, onError, onTaken: components.fail },
        {
          worker: config.id,
          software: version,
          heartbeatMs: config.heartbeatMs,
          capacity: { cpus: config.cpus, memoryBytes: config.memory, tasks: config.maxTasks },
        },
        components.signal,
      );
      const shelf = new DocumentShelf(connection, config.id);
      const handlers = workerHandlers({
        worker: config.id,
        kernel,
        trees,
        checkpoints,
        store,
        shelf,
      });
      const { document: _, page: __, ...endpoints } = worker(config.id);
      const served = serveAll(connection, endpoints, handlers);
      const looking = setInterval(() => observer.look(kernel, standing(trees, checkpoints)), LOOK_MS);
      return {
        drain: async (deadline) => {
          await registration.drain();
          await checkpoints.idle(deadline);
        },
        close: async () => {
          clearInterval(looking);
          await registration.end();
          await served.stop();
          await checkpoints.close();
          trees.close();
          await kernel.shutdown();
          reporter.flush();
          await shelf.close();
          await events.close();
          await store.close();
          await connection.close();
        },
      };
    },
  });

function standing(trees: HostedTrees, checkpoints: HeldCheckpoints): Standing {
  const frozen = checkpoints.all.filter(({ state }) => state === 'prepared').length;
  return { trees: trees.started, frozen, snapshots: checkpoints.all.length - frozen };
}

const complain =
  (log: Log) =>
  (error: unknown): void =>
    log.error({ err: error }, 'something could not be told or given back');
