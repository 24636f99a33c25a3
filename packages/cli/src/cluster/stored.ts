import { failureOf } from '../output/failure.js';
import type { Outcome, Session } from '../session.js';
import type { CheckpointInfo } from '../store/checkpoint-info.js';
import type { ListReport } from '../store/list.js';
import { secretsToOpen } from '../store/secrets.js';
import type { StoreOptions } from '../store/store-options.js';
import type { ClusterOptions } from './cluster-options.js';
import { withClient } from './with-client.js';

type Options = ClusterOptions & StoreOptions;

/** What a person is asked for the passphrase of. */
export const STORE = 'of the cluster';

/** The checkpoints of the cluster's store. */
export function listOnCluster(
  labels: Readonly<Record<string, string>>,
  options: Options,
  session: Session,
): Promise<Outcome<ListReport>> {
  return withClient(options, session, async (client) => {
    const { checkpoints, damaged } = await client.list(
      { ...labels },
      { secrets: await secretsToOpen(options, STORE), signal: session.signal },
    );
    const report: ListReport = {
      checkpoints: checkpoints.map((info) => ({ ...info })),
      damaged: damaged.map(({ id, error }) => ({ id, error: failureOf(error) })),
    };
    if (damaged.length === 0) return { report, exitCode: 0 };
    return { report, exitCode: 1, complaint: 'some checkpoints are damaged' };
  });
}

export function showOnCluster(
  text: string,
  options: Options,
  session: Session,
): Promise<Outcome<CheckpointInfo>> {
  return withClient(options, session, async (client) => ({
    report: await client.show(text, {
      secrets: await secretsToOpen(options, STORE),
      signal: session.signal,
    }),
    exitCode: 0,
  }));
}
