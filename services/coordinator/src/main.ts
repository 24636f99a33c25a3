import { readFileSync } from 'node:fs';
import { StoreAccess } from '@ckptree/carrier';
import { EventPublisher, ensureCluster, recordsOf } from '@ckptree/protocol';
import {
  carrierObserver,
  checkStoreSecrets,
  coordinatorMetrics,
  type Log,
  makeCluster,
  openConnection,
  readStoreSecrets,
  runService,
} from '@ckptree/service';
import { Leadership } from './cluster/leadership.js';
import { Telling } from './cluster/telling.js';
import { whileStateLasts } from './cluster/while-state-lasts.js';
import { CoordinatorObserver } from './coordinator-observer.js';
import { lead } from './lead.js';
import { coordinatorOptions } from './options.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

const COMMIT_TIMEOUT_MS = 5 * 60_000;

/** The main() of the coordinator service. */
export const runCoordinator = (): Promise<void> =>
  runService({
    role: 'coordinator',
    description: 'Places trees, leads checkpoints and restarts. Several may run: one leads.',
    version,
    options: coordinatorOptions,
    check: checkStoreSecrets,
    start: async (components) => {
      const { config, log, registry } = components;
      const observer = new CoordinatorObserver(coordinatorMetrics(registry));
      const onError = complain(log);
      const connection = await openConnection('coordinator', components);
      const cluster = { replicas: config.replicas };
      await makeCluster(connection, cluster, components);
      // Later too: NATS may lose what it keeps.
      const setUp = () => ensureCluster(connection, cluster);
      const publisher = new EventPublisher(connection);
      const store = new StoreAccess(connection, {
        ...(config.volume !== undefined && { volume: config.volume }),
        secrets: await readStoreSecrets(config),
        observer: carrierObserver(registry),
      });
      const leading = {
        connection,
        records: (signal: AbortSignal) => recordsOf(connection, signal),
        publisher,
        events: new Telling(publisher, onError),
        store: () => store.store(),
        instance: config.id,
        observer,
        limits: {
          leaseMs: config.leaseMs,
          describeMs: config.describeTimeoutMs,
          dumpMs: config.dumpTimeoutMs,
          commitMs: COMMIT_TIMEOUT_MS,
        },
        upkeep: { gc: config.gcEveryMs, verify: config.verifyEveryMs },
        onError,
      };
      const leadership = new Leadership({
        connection,
        leader: recordsOf(connection).leader,
        setUp,
        instance: config.id,
        onError,
        onTerm: (term, leads) => {
          if (observer.term(term, leads))
            log.info({ term }, leads ? 'this coordinator leads' : 'another leads');
        },
        lead: (term) => whileStateLasts({ connection, setUp, onError }, term, (term) => lead(leading, term)),
      });
      return {
        close: async () => {
          await leadership.end();
          await publisher.close();
          await store.close();
          await connection.close();
        },
      };
    },
  });

const complain =
  (log: Log) =>
  (error: unknown): void =>
    log.error({ err: error }, 'something went wrong on the way');
