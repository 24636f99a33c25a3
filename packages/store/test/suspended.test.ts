import { type Composition, type Manifest, type ObjectBackend, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { InventedOwners } from './support/crashing-file-system.js';
import { exported, put } from './support/folder.js';
import { Gate } from './support/gate.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const WINDOW = 256;
const image = buildImage([{ pid: 1, ppid: 0, pages: pages(WINDOW) }]);

/** An image of one piece. */
const COMPOSITION: Composition = {
  id: '20260101t000000000-00000000',
  created: '2026-01-01T00:00:00.000Z',
  durationMs: 1,
  tree: { rootPid: 1, comm: 'task1', tasks: 1, mms: 1, pages: WINDOW },
  pieces: [image],
  added: { new: 0, stored: 0 },
};

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

  test('whose checkpoint is there for a moment: readers are told what is missing, and a check explains it', async () => {
    const backend = new MemoryBackend();
    await Store.initBackend(backend);
    const { store, collector, gate, die } = await openTwice(backend, 'manifests');
    const takingBack = new Gate();
    const remove = backend.delete.bind(backend);
    backend.delete = async (name) => {
      if (name.startsWith('manifests/') && backend.objects.has(name)) await takingBack.pass();
      return remove(name);
    };
    takingBack.close(1);
    const putting = put(store, image);
    await gate.reached;
    die();
    await collector.gc();
    gate.open();
    await takingBack.reached;
    const [{ id }] = (await collector.list()).checkpoints as [Manifest];
    await expect(exported(collector, id)).rejects.toMatchObject({
      code: 'EIO',
      message: expect.stringContaining('missing'),
    });
    expect(await collector.verify()).toMatchObject({
      ok: false,
      findings: [],
      damaged: [{ id, lostSegments: [{ error: expect.stringContaining('missing') }] }],
    });
    takingBack.open();
    await expect(putting).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(await collector.verify()).toMatchObject({ ok: true, checkpoints: 0 });
  });

  test('acknowledges no composition that another, who stood still as long, had listed too late', async () => {
    const [backend, invented] = [new MemoryBackend(), new InventedOwners()];
    await Store.initBackend(backend);
    const composers = [];
    for (let count = 0; count < 2; count++) {
      const [owner, gate] = [invented.next(), new Gate()];
      gate.close(1);
      const store = await Store.openBackend(standingStillAt(backend, 'manifests', gate), { owners: owner });
      const committing = store.begin().then((session) => session.commitParts(COMPOSITION));
      await gate.reached;
      composers.push({ owner, gate, committing });
    }
    for (const { owner } of composers) owner.die();
    const collector = await Store.openBackend(backend, { owners: invented.next() });
    expect((await collector.gc()).deletedPacks).not.toEqual([]);
    for (const { gate, committing } of composers) {
      gate.open();
      await expect(committing).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    }
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

  test('has a damaged pack taken out, and others copied by then what was sound of it', async () => {
    const backend = new MemoryBackend();
    const { id, kept, garbage } = await twoCopies(backend);
    backend.objects.get(kept)![backend.objects.get(kept)!.length >> 1]! ^= 1;
    const [invented, gate] = [new InventedOwners(), new Gate()];
    const owner = invented.next();
    const still: ObjectBackend = Object.assign(Object.create(backend) as ObjectBackend, {
      async delete(name: string) {
        if (name === kept) await gate.pass();
        return backend.delete(name);
      },
    });
    const store = await Store.openBackend(still, { owners: owner });
    const collector = await Store.openBackend(backend, { owners: invented.next() });
    gate.close(1);
    const repairing = store.repair();
    await gate.reached;
    owner.die();
    expect((await collector.gc()).deletedPacks).toContain(garbage.slice('packs/'.length));
    gate.open();
    expect((await repairing).quarantined).toEqual([kept]);
    const { findings, damaged } = await store.verify({ readData: true });
    expect(findings).toEqual([]);
    const lost = damaged.flatMap(({ lost: ranges }) => ranges.map(({ start, end }) => (end - start) / 4096));
    expect({ ids: damaged.map((damage) => damage.id), lost }).toEqual({ ids: [id], lost: [WINDOW] });
    expect(await backend.list('condemned')).toEqual([]);
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
