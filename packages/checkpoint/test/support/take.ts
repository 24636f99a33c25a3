import { checkpointTo, type ImageSink } from '@ckptree/checkpoint';
import type { Manifest, Store } from '@ckptree/store';
import type { LivingTree } from './living-tree.js';
import { HEAD, imageOf, MemorySink } from './planned.js';

export interface Taken {
  readonly manifest: Manifest;
  /** The bytes that a dump which reads everything writes; taken while the snapshot is held. */
  readonly full: Buffer;
}

/** @param meanwhile what the tasks do between the cut and its dump */
export async function take(
  living: LivingTree,
  sink: ImageSink<Manifest>,
  meanwhile: () => void = () => undefined,
): Promise<Taken> {
  let full: Buffer = Buffer.alloc(0);
  living.afterCut = async (image) => {
    full = Buffer.from(await imageOf(image));
    meanwhile();
  };
  const { saved } = await checkpointTo(sink, living, 1, { uts: HEAD.uts, time: HEAD.time });
  return { manifest: saved, full };
}

/** The image of a checkpoint, whole. */
export async function exported(store: Store, id: string): Promise<Buffer> {
  const sink = new MemorySink();
  await store.export(id, sink);
  return Buffer.from(sink.bytes());
}
