import { type Static, Type } from '@ckptree/schema';
import { type Manifest, ManifestSchema } from '@ckptree/store';
import type { Palette } from '../output/palette.js';
import { printable } from '../output/printable.js';
import { formatAge, formatBytes, formatDuration, plural } from '../output/quantities.js';
import { type Column, formatTable } from '../output/table.js';

/** A checkpoint of a store as reports have it: its manifest without what only the store needs. */
export const CheckpointInfo = Type.Omit(ManifestSchema, ['format', 'segments', 'root'], {
  additionalProperties: false,
});
export type CheckpointInfo = Static<typeof CheckpointInfo>;

export const infoOf = ({ format, segments, root, ...info }: Manifest): CheckpointInfo => info;

const COLUMNS: readonly Column<CheckpointInfo>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'NAME', value: ({ name = '' }) => printable(name) },
  { title: 'AGE', align: 'right', value: ({ created }) => formatAge(Date.now() - Date.parse(created)) },
  { title: 'TASKS', align: 'right', value: ({ tree }) => String(tree.tasks) },
  { title: 'SIZE', align: 'right', value: ({ sizes }) => formatBytes(sizes.logical) },
  { title: 'NEW', align: 'right', value: ({ sizes }) => formatBytes(sizes.new) },
  { title: 'STORED', align: 'right', value: ({ sizes }) => formatBytes(sizes.stored) },
  { title: 'RATIO', align: 'right', value: ({ sizes }) => formatRatio(sizes) },
];

/** A table, oldest first. Ends with a line end. */
export const formatCheckpoints = (checkpoints: readonly CheckpointInfo[], palette: Palette): string =>
  formatTable(COLUMNS, checkpoints, palette);

/** One fact a line. */
export function formatInfo(info: CheckpointInfo, { faint, strong }: Palette): string {
  const { id, name, created, labels, parent, tree, sizes, durationMs } = info;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['id', strong(id)],
    ['name', name],
    ['created', `${created} (${formatAge(Date.now() - Date.parse(created))} ago)`],
    ...Object.entries(labels).map(([key, value]) => ['label', `${key}=${value}`] as const),
    ['tree', `task ${tree.rootPid} (${tree.comm}), ${plural(tree.tasks, 'task')}`],
    ['memory', `${plural(tree.mms, 'address space')}, ${plural(tree.pages, 'page')}`],
    ['size', formatBytes(sizes.logical)],
    ['new', `${formatBytes(sizes.new)} that the store did not have`],
    ['stored', `${formatBytes(sizes.stored)} (${formatRatio(sizes)})`],
    ['taken in', formatDuration(durationMs * 1000)],
    ['parent', parent],
  ];
  return facts
    .filter(([, value]) => value !== undefined)
    .map(
      ([title, value = '']) =>
        `${faint(title.padEnd(10))}${value === strong(id) ? value : printable(value)}\n`,
    )
    .join('');
}

/** How many bytes of image each stored byte stands for. */
const formatRatio = ({ logical, stored }: CheckpointInfo['sizes']): string =>
  stored === 0 ? '-' : `${(logical / stored).toFixed(1)}x`;
