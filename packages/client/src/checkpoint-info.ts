import type { Manifest } from '@ckptree/store';

/** A checkpoint in the store, without what only the store needs. */
export type CheckpointInfo = Omit<Manifest, 'format' | 'segments' | 'root'>;

export const infoOf = ({ format, segments, root, ...info }: Manifest): CheckpointInfo => info;
