import type { Client, Retention } from '@ckptree/client';
import { type Static, Type } from '@ckptree/schema';
import type { Outcome, Session } from '../session.js';
import { asGiven, DURATION_UNITS } from '../units.js';
import type { ClusterOptions } from './cluster-options.js';
import { withClient } from './with-client.js';

const Rule = (description: string) => Type.Optional(Type.Integer({ minimum: 0, description }));

const Policy = Type.Object(
  {
    keepLast: Rule('The newest so many.'),
    keepHourly: Rule('The newest of each of the last so many hours that have any.'),
    keepDaily: Rule('The same for days.'),
    keepWeekly: Rule('The same for weeks.'),
    keepWithinMs: Rule('All that are younger, milliseconds.'),
  },
  { additionalProperties: false, description: 'What is kept of each name; without rules all is.' },
);

export const RetentionReport = Type.Object(
  {
    policy: Policy,
    lastRun: Type.Optional(
      Type.String({ description: 'When the rules were applied last, if the leader did.' }),
    ),
    lastError: Type.Optional(
      Type.Object({ code: Type.String(), message: Type.String() }, { description: 'Why that failed.' }),
    ),
    removed: Type.Optional(Type.Array(Type.String(), { description: 'With --apply: ids of what is gone.' })),
    dryRun: Type.Optional(Type.Boolean({ description: 'They are still there.' })),
  },
  { additionalProperties: false },
);
type RetentionReport = Static<typeof RetentionReport>;

export interface RetentionChange {
  /** From now on. */
  readonly policy?: Static<typeof Policy>;
  readonly apply?: { readonly dryRun: boolean };
}

export function retention(
  change: RetentionChange,
  options: ClusterOptions,
  session: Session,
): Promise<Outcome<RetentionReport>> {
  return withClient(options, session, async (client) => {
    const { policy, forgotten, lastRun, lastError } = await asked(client, change, session);
    const report = {
      policy,
      ...(lastRun !== undefined && { lastRun }),
      ...(lastError !== undefined && { lastError: { code: lastError.code, message: lastError.message } }),
      ...(forgotten !== undefined && { removed: [...forgotten] }),
      ...(change.apply?.dryRun && { dryRun: true }),
    };
    return { report, exitCode: 0 };
  });
}

/** What is asked last tells all. */
async function asked(
  client: Client,
  { policy, apply }: RetentionChange,
  { signal }: Session,
): Promise<Retention & { readonly forgotten?: readonly string[] }> {
  if (apply === undefined) return client.retention(policy, { signal });
  if (policy !== undefined) await client.retention(policy, { signal });
  return client.applyRetention({ ...apply, signal });
}

function rulesOf({ keepLast, keepHourly, keepDaily, keepWeekly, keepWithinMs }: RetentionReport['policy']) {
  const newestOf = (count: number | undefined, unit: string) =>
    count === undefined
      ? []
      : count === 1
        ? [`the newest of the last ${unit} that has any`]
        : [`the newest of each of the last ${count} ${unit}s that have any`];
  return [
    ...(keepLast === undefined ? [] : [`the newest ${keepLast}`]),
    ...newestOf(keepHourly, 'hour'),
    ...newestOf(keepDaily, 'day'),
    ...newestOf(keepWeekly, 'week'),
    ...(keepWithinMs === undefined ? [] : [`all younger than ${asGiven(keepWithinMs, DURATION_UNITS)}`]),
  ];
}

export function formatRetention({ policy, removed, dryRun = false, lastError }: RetentionReport): string {
  const rules = rulesOf(policy);
  const kept =
    rules.length === 0
      ? 'All checkpoints are kept.\n'
      : `Of each name are kept: ${rules.join('; ')}. The rest is removed within ten minutes.\n`;
  const failed = lastError === undefined ? '' : `The last time it failed: ${lastError.message}\n`;
  if (removed === undefined) return `${kept}${failed}`;
  if (removed.length === 0) return `${kept}${dryRun ? 'Nothing would be removed' : 'Nothing was removed'}.\n`;
  return `${kept}${dryRun ? 'Would be removed' : 'Removed'}:\n${removed.map((id) => `  ${id}\n`).join('')}`;
}
