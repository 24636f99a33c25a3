import type { Manifest, SessionOptions, Store } from '@ckptree/store';
import { cancelled } from './cancel.js';
import type { ImageSink } from './image-sink.js';
import { planLayout } from './plan-layout.js';

/**
 * A store. Pages go from shared memory straight into chunks, frames that tasks share only once; there is no file in
 * between. What was saved last is the parent of what is saved next: checkpoints that go to one sink are mostly of one tree.
 */
export function storeSink(
  store: Store,
  options: Omit<SessionOptions, 'onProgress'> = {},
): ImageSink<Manifest> {
  let { parent } = options;
  const open: ImageSink<Manifest>['open'] = async () => {
    const session = await store.begin({ ...options, ...(parent !== undefined && { parent }) });
    return {
      async write(plan, tree, { signal, onProgress }) {
        const layout = await planLayout(plan, tree, (history) => session.baseline(history));
        const { source } = layout;
        const totalBytes = plan.size;
        const told: typeof source = {
          read(position, length) {
            onProgress?.({ bytes: position, totalBytes });
            return source.read(position, length);
          },
        };
        const check = (): void => {
          if (signal?.aborted === true) throw cancelled(signal.reason);
        };
        await session.writeImage({ ...layout, source: told, check });
        onProgress?.({ bytes: totalBytes, totalBytes });
      },
      async commit() {
        const manifest = await session.commit();
        parent = manifest.id;
        return manifest;
      },
      discard: () => session.abort(),
    };
  };
  return { open };
}
