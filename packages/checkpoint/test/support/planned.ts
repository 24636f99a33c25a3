import {
  collect,
  type Debug,
  dumpSequential,
  newObjectHash,
  type Plan,
  planCheckpoint,
} from '@ckptree/checkpoint';
import type { ByteSink, TaskTree } from '@ckptree/model';

export const HEAD = {
  uts: { release: '6.1.0-ckptree', version: '#1 SMP', machine: 'x86_64' },
  time: 1_267_000_000n,
  subtree: true,
};

/** Collects and plans a tree as a subtree, or as a container. */
export function planned(
  tree: TaskTree,
  { subtree = true, debug = {} }: { subtree?: boolean; debug?: Debug } = {},
): Plan {
  const hash = newObjectHash(() => undefined);
  collect(tree, hash, debug);
  return planCheckpoint(tree, hash, { head: { ...HEAD, subtree }, debug });
}

/** A sink that keeps what is written. */
export class MemorySink implements ByteSink {
  readonly #parts: Uint8Array[] = [];

  write(bytes: Uint8Array): void {
    this.#parts.push(bytes.slice());
  }

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }
}

/** The image of a tree, by the sequential dump. */
export async function imageOf(tree: TaskTree, options: { subtree?: boolean } = {}): Promise<Uint8Array> {
  const sink = new MemorySink();
  await dumpSequential(planned(tree, options), sink);
  return sink.bytes();
}
