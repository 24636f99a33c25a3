import { type Static, Type } from '@ckptree/schema';
import type { ForgetPolicy, Manifest, Store } from '@ckptree/store';
import type { Palette } from '../output/palette.js';
import { plural } from '../output/quantities.js';
import type { Outcome } from '../session.js';
import { withStore } from './open-store.js';
import type { StoreOptions } from './store-options.js';
import { resolve } from './stored.js';

export const ForgetReport = Type.Object(
  {
    dryRun: Type.Boolean({ description: 'Nothing was removed: it only says what would be.' }),
    forgotten: Type.Array(Type.String(), { description: 'Ids of the checkpoints.' }),
    kept: Type.Integer({ description: 'Checkpoints that the store still has.' }),
  },
  { additionalProperties: false },
);
type ForgetReport = Static<typeof ForgetReport>;

/** Which checkpoints to remove: those named, or else those that have the labels and that no rule of the policy keeps. */
export interface Selection {
  readonly ids: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly policy: ForgetPolicy;
  readonly dryRun: boolean;
}

/** Removes checkpoints. Their space comes back with the next `store gc`. */
export function forget(selection: Selection, options: StoreOptions): Promise<Outcome<ForgetReport>> {
  const { dryRun } = selection;
  return withStore(options, {}, async (store) => {
    const forgotten = await selected(store, selection, options);
    if (!dryRun) await store.forget(forgotten);
    const { checkpoints, damaged } = await store.list();
    const left = checkpoints.length + damaged.length - (dryRun ? forgotten.length : 0);
    return { report: { dryRun, forgotten, kept: left }, exitCode: 0 };
  });
}

async function selected(
  store: Store,
  { ids, labels, policy }: Selection,
  options: StoreOptions,
): Promise<string[]> {
  if (ids.length > 0) {
    const resolved = new Set<string>();
    for (const text of ids) resolved.add(await idOf(store, text, options));
    return [...resolved];
  }
  const manifests: readonly Manifest[] = hasRules(policy)
    ? await store.plan(policy, labels)
    : (await store.list(labels)).checkpoints;
  return manifests.map(({ id }) => id);
}

const hasRules = (policy: ForgetPolicy): boolean =>
  Object.values(policy).some((value) => value !== undefined);

/** One whose manifest is damaged can be removed by its whole id. */
async function idOf(store: Store, text: string, options: StoreOptions): Promise<string> {
  const { damaged } = await store.list();
  return damaged.some(({ id }) => id === text) ? text : (await resolve(store, text, options)).id;
}

export function formatForget({ dryRun, forgotten, kept }: ForgetReport, { strong }: Palette): string {
  const what = strong(plural(forgotten.length, 'checkpoint'));
  const summary = dryRun
    ? `${what} would be removed, ${kept} kept.`
    : `${what} removed, ${kept} kept${forgotten.length === 0 ? '.' : '; `ckptree store gc` gives back the space.'}`;
  return [...forgotten, summary, ''].join('\n');
}
