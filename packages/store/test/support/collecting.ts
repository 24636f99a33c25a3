import { type GcOptions, type GcReport, type ObjectBackend, Store } from '@ckptree/store';

export interface Collecting {
  /** Lets the collection go on, to its end. */
  finish(): Promise<GcReport>;
}

/**
 * A garbage collection by another process that has marked packs and waits for a writer from before, and for no other. Whoever
 * begins now sees the marks, and is not waited for.
 */
export async function collecting(backend: ObjectBackend, options: GcOptions): Promise<Collecting> {
  let listed = (): void => undefined;
  const waiting = new Promise<void>((resolve) => {
    listed = resolve;
  });
  const watched: ObjectBackend = Object.assign(Object.create(backend) as ObjectBackend, {
    async list(kind: string) {
      const found = await backend.list(kind);
      if (kind === 'leases' && (await backend.list('condemned')).length > 0) listed();
      return found;
    },
  });
  const collector = await Store.openBackend(watched);
  const before = await collector.begin();
  const collected = collector.gc({ ...options, waitMs: 60_000 });
  await Promise.race([waiting, collected]);
  return {
    async finish() {
      await before.end();
      return collected.finally(() => collector.close());
    },
  };
}
