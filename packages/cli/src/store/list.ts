import { type Static, Type } from '@ckptree/schema';
import { describeFailure, failureOf } from '../output/failure.js';
import { Failure } from '../output/failure-schema.js';
import type { Palette } from '../output/palette.js';
import type { Outcome } from '../session.js';
import { CheckpointInfo, formatCheckpoints, formatInfo, infoOf } from './checkpoint-info.js';
import { withStore } from './open-store.js';
import type { StoreOptions } from './store-options.js';
import { resolve } from './stored.js';

export const ListReport = Type.Object(
  {
    checkpoints: Type.Array(CheckpointInfo, { description: 'Oldest first.' }),
    damaged: Type.Array(Type.Object({ id: Type.String(), error: Failure }, { additionalProperties: false }), {
      description: 'Checkpoints whose manifests cannot be read.',
    }),
  },
  { additionalProperties: false },
);
export type ListReport = Static<typeof ListReport>;

/** The checkpoints of the store that have all of these labels. */
export function list(
  labels: Readonly<Record<string, string>>,
  options: StoreOptions,
): Promise<Outcome<ListReport>> {
  return withStore(options, {}, async (store) => {
    const { checkpoints, damaged } = await store.list(labels);
    const report: ListReport = {
      checkpoints: checkpoints.map(infoOf),
      damaged: damaged.map(({ id, error }) => ({ id, error: failureOf(error) })),
    };
    if (damaged.length === 0) return { report, exitCode: 0 };
    return {
      report,
      exitCode: 1,
      complaint: 'some checkpoints are damaged; `ckptree store verify` tells more',
    };
  });
}

export function formatList({ checkpoints, damaged }: ListReport, palette: Palette): string {
  if (checkpoints.length + damaged.length === 0) return 'No checkpoints.\n';
  const lines = damaged.map(({ id, error }) => `${palette.bad(id)}  ${describeFailure(error)}\n`);
  return `${checkpoints.length === 0 ? '' : formatCheckpoints(checkpoints, palette)}${lines.join('')}`;
}

/** One checkpoint. */
export function show(text: string, options: StoreOptions): Promise<Outcome<CheckpointInfo>> {
  return withStore(options, {}, async (store) => ({
    report: infoOf(await resolve(store, text, options)),
    exitCode: 0,
  }));
}

export { formatInfo };
