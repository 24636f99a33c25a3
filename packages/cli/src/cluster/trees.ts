import { dirname, resolve } from 'node:path';
import { asCkptError, CkptError } from '@ckptree/errors';
import { readSpecDocument } from '@ckptree/kernel/spec-file';
import { type Static, Type } from '@ckptree/schema';
import type { Palette } from '../output/palette.js';
import { plural } from '../output/quantities.js';
import type { Outcome, Session } from '../session.js';
import { isFile } from '../store/is-file.js';
import { secretsToOpen } from '../store/secrets.js';
import type { StoreOptions } from '../store/store-options.js';
import type { ClusterOptions } from './cluster-options.js';
import { STORE } from './stored.js';
import { withClient } from './with-client.js';

export const StartedReport = Type.Object(
  {
    tree: Type.String({ description: 'Id of the tree.' }),
    rootPid: Type.Integer({ description: 'Its root: what `checkpoint`, `freeze`, `kill` are told.' }),
    tasks: Type.Integer({ minimum: 0, description: 'Tasks that were started.' }),
    workers: Type.Array(Type.String(), { description: 'Workers that host a part of it.' }),
  },
  { additionalProperties: false },
);
export type StartedReport = Static<typeof StartedReport>;

export interface SpawnOptions extends ClusterOptions {
  readonly name?: string | undefined;
  readonly label?: Readonly<Record<string, string>> | undefined;
  readonly place?: Readonly<Record<string, string>> | undefined;
}

/** Starts the tree of a spec on the workers. */
export async function spawn(
  path: string,
  options: SpawnOptions,
  session: Session,
): Promise<Outcome<StartedReport>> {
  const { name, label, place } = options;
  const spec = (await readSpecDocument(path)) as object;
  return withClient(options, session, async (client) => {
    const { tree, rootPid, tasks, workers } = await client.spawn(spec, {
      baseFolder: dirname(resolve(path)),
      signal: session.signal,
      ...(name !== undefined && { name }),
      ...(label !== undefined && { labels: { ...label } }),
      ...(place !== undefined && { placement: { ...place } }),
    });
    return { report: { tree, rootPid, tasks, workers: [...workers] }, exitCode: 0 };
  });
}

export interface RestartOnClusterOptions extends ClusterOptions, StoreOptions {
  readonly on?: string | undefined;
  readonly frozen?: true | undefined;
}

/** Starts the tree of a checkpoint again, on the workers. */
export function restartOnCluster(
  checkpoint: string,
  options: RestartOnClusterOptions,
  session: Session,
): Promise<Outcome<StartedReport>> {
  const { on, frozen } = options;
  const { signal, progress } = session;
  return withClient(options, session, async (client) => {
    const secrets = await secretsToOpen(options, STORE);
    const { id } = await client.show(checkpoint, { secrets, signal }).catch((error) => {
      throw isFile(checkpoint) ? notInCluster(checkpoint, error) : error;
    });
    const { tree, rootPid, tasks, workers } = await progress.during(
      'loading',
      () => id,
      () => client.restart(id, { signal, ...(on !== undefined && { on }), ...(frozen && { frozen }) }),
    );
    return { report: { tree, rootPid, tasks, workers: [...workers] }, exitCode: 0 };
  });
}

/** Whoever has NATS_URL set and means a file learns what to do, and not only that the cluster has no such checkpoint. */
function notInCluster(path: string, error: unknown): CkptError {
  const known = asCkptError(error);
  if (known.code !== 'ENOENT') return known;
  return new CkptError(
    'ENOENT',
    `the cluster has no checkpoint ${path}; files are restarted on this machine, without --nats and NATS_URL`,
    { path },
    known,
  );
}

export const formatStarted = (
  { tree, rootPid, tasks, workers }: StartedReport,
  { strong }: Palette,
): string =>
  `Task ${strong(String(rootPid))} is the root of tree ${tree}: ${plural(tasks, 'task')} on ${workers.join(', ')}.\n`;
