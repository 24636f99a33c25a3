import { type ObjectBackend, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { InventedOwners } from './support/crashing-file-system.js';
import { exported, put } from './support/folder.js';
import { Gate } from './support/gate.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const WINDOW = 256;
const image = buildImage([{ pid: 1, ppid: 0, pages: pages(WINDOW) }]);

/** The same objects for a process that stands still when it is about to put one of this kind, having checked its lease. */
function standingStillAt(backend: ObjectBackend, kind: string, gate: Gate): ObjectBackend {
  return Object.assign(Object.create(backend) as ObjectBackend, {
    async put(name: string, content: readonly Uint8Array[]) {
      if (name.startsWith(`${kind}/`)) await gate.pass();
      return backend.put(name, content);
    },
  });
}

/** Opens a store for a process that stands still, and for one that takes that one for dead when it is told to. */
async function openTwice(backend: ObjectBackend, kind: string) {
  const [invented, gate] = [new InventedOwners(), new Gate()];
  const [owner, other] = [invented.next(), invented.next()];
  const store = await Store.openBackend(standingStillAt(backend, kind, gate), { owners: owner });
  const collector = await Store.openBackend(backend, { owners: other });
  gate.close(1);
  return { store, collector, gate, die: owner.die };
}

describe('a process that stands still for so long that it is taken for dead', () => {
  test('does not list a checkpoint whose chunks were collected meanwhile', async () => {
    const backend = new MemoryBackend();
    await Store.initBackend(backend);
    const { store, collector, gate, die } = await openTwice(backend, 'manifests');
    const putting = put(store, image);
    await gate.reached;
    die();
    expect((await collector.gc()).deletedPacks).toHaveLength(1);
    gate.open();
    await expect(putting).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect((await collector.list()).checkpoints).toEqual([]);
    const { id } = await put(store, image);
    expect((await exported(collector, id)).equals(image)).toBe(true);
  });

  test('takes no damaged pack out of the store that has by now the last copy of a chunk', async () => {
    const backend = new MemoryBackend();
    const { id, kept, garbage } = await twoCopies(backend);
    backend.objects.get(kept)![backend.objects.get(kept)!.length >> 1]! ^= 1;
    const { store, collector, gate, die } = await openTwice(backend, 'quarantine');
    const repairing = store.repair();
    await gate.reached;
    die();
    expect((await collector.gc()).deletedPacks).toContain(garbage.slice('packs/'.length));
    gate.open();
    await expect(repairing).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await store.repair();
    const { findings, damaged } = await store.verify({ readData: true });
    expect(findings).toEqual([]);
    // Of the three windows the one that was damaged is lost.
    const lost = damaged.flatMap(({ lost: ranges }) => ranges.map(({ start, end }) => (end - start) / 4096));
    expect({ ids: damaged.map((damage) => damage.id), lost }).toEqual({ ids: [id], lost: [WINDOW] });
  });
});

/** One task: a first window that all have, and as many others. */
const imageOf = (seed: number, windows: number): Buffer =>
  buildImage([
    {
      pid: 1,
      ppid: 0,
      pages: pages((1 + windows) * WINDOW, (index) => (index < WINDOW ? index : index + seed * 10_000)),
    },
  ]);

/**
 * Two writers that do not see each other put the same window; one of the checkpoints is forgotten.
 * @returns the other one, and the packs of both
 */
async function twoCopies(backend: MemoryBackend): Promise<{ id: string; kept: string; garbage: string }> {
  const packs = (): string[] => [...backend.objects.keys()].filter((name) => name.startsWith('packs/'));
  for (;;) {
    backend.objects.clear();
    const store = await Store.initBackend(backend);
    const session = await (await Store.openBackend(backend)).begin();
    const forgotten = await put(store, imageOf(1, 4));
    const [garbage = ''] = packs();
    await session.importImage({ read: async (at, length) => imageOf(2, 2).subarray(at, at + length) });
    const { id } = await session.commit();
    const kept = packs().find((pack) => pack !== garbage)!;
    await store.forget([forgotten.id]);
    // The copy in the pack that comes first by its random name is the one that a repair finds.
    if (garbage < kept) return { id, kept, garbage };
  }
}
