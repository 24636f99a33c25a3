import { DumpPool, fileSink, type ImageSink, OutputFile, storeSink } from '@ckptree/checkpoint';
import { isCkptError } from '@ckptree/errors';
import type { Store } from '@ckptree/store';
import { isFile } from '../store/is-file.js';
import { openStore } from '../store/open-store.js';
import type { Place } from './checkpoint-report.js';
import type { Destination } from './checkpoint-request.js';

/** A place for checkpoints, and the threads that bring them there. */
export interface OpenDestination {
  readonly sink: ImageSink<Place>;
  /** Resolves when its threads are ready. */
  readonly ready: Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * Finds out before a tree has run for an hour that its checkpoint has nowhere to go.
 * @throws ENOENT, EPERM, EINVAL, ... an image of this name could not be created; the store cannot be opened or made
 */
export function openDestination(to: Destination, threads: number | undefined): Promise<OpenDestination> {
  return to.kind === 'file' ? openFile(to.path, threads) : openStoreFor(to, threads);
}

async function openFile(path: string, threads: number | undefined): Promise<OpenDestination> {
  const trial = await OutputFile.create(path);
  await trial.discard();
  const pool = new DumpPool(threads === undefined ? {} : { threads });
  const ready = pool.warmUp();
  // Told to whoever waits for it: nobody, when the command is interrupted before.
  ready.catch(() => undefined);
  return {
    sink: placed(fileSink(path, pool), (saved) => ({ path: saved })),
    ready,
    close: () => pool.close(),
  };
}

async function openStoreFor(
  { options, name, labels, from }: Extract<Destination, { kind: 'store' }>,
  threads: number | undefined,
): Promise<OpenDestination> {
  const store = await openStore(options, { create: true, threads, givesWay: true });
  const parent = from === undefined || isFile(from) ? undefined : await idOf(store, from);
  const sink = storeSink(store, {
    ...(name !== undefined && { name }),
    ...(parent !== undefined && { parent }),
    labels,
  });
  return {
    sink: placed(sink, ({ id, sizes }) => ({ id, newBytes: sizes.new, storedBytes: sizes.stored })),
    ready: Promise.resolve(),
    close: () => store.close(),
  };
}

/** Of what somebody calls a checkpoint; where this store has none of the name, or several, whoever opens it tells. */
async function idOf(store: Store, text: string): Promise<string | undefined> {
  try {
    return (await store.resolve(text)).id;
  } catch (error) {
    if (isCkptError(error) && ['ENOENT', 'EINVAL'].includes(error.code)) return undefined;
    throw error;
  }
}

/** A sink that tells where the image is in other words. */
const placed = <Saved>(sink: ImageSink<Saved>, placeOf: (saved: Saved) => Place): ImageSink<Place> => ({
  async open() {
    const writer = await sink.open();
    return {
      write: (plan, tree, options) => writer.write(plan, tree, options),
      commit: async () => placeOf(await writer.commit()),
      discard: () => writer.discard(),
    };
  },
});
