import { type ObjectBackend, type ObjectInfo, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { exported, put } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const image = buildImage([{ pid: 1, ppid: 0, pages: pages(300) }]);
/** Collections that come in between, one after the other: more than anybody should meet. */
const MOVES = 4;

/** Gives up all packs and collects: what is needed is in others then. */
async function moveAll(backend: ObjectBackend): Promise<void> {
  for (const { name } of await backend.list('packs'))
    await backend.put(name.replace('packs/', 'condemned/'), []);
  const { deletedPacks, rewrittenBytes } = await (await Store.openBackend(backend)).gc();
  expect(deletedPacks).not.toEqual([]);
  expect(rewrittenBytes).toBeGreaterThan(0);
}

interface Moving extends ObjectBackend {
  /** Collections that are still to come. */
  moves: number;
}

/**
 * The same objects for somebody who meets a collection whenever he lists the packs.
 * @param shown what he sees of them: as they were before, or only those that were there all the time, for a folder that is
 *              changed while it is listed tells of no others for sure
 */
const moving = (backend: ObjectBackend, shown: 'before' | 'throughout'): Moving =>
  Object.assign(Object.create(backend) as ObjectBackend, {
    moves: 0,
    async list(this: Moving, kind: string): Promise<ObjectInfo[]> {
      const before = await backend.list(kind);
      if (kind !== 'packs' || this.moves === 0) return before;
      this.moves--;
      await moveAll(backend);
      const after = new Set((await backend.list(kind)).map(({ name }) => name));
      return before.filter(({ name }) => shown === 'before' || after.has(name));
    },
  });

describe.each([
  ['before', MOVES],
  ['throughout', 1],
] as const)('chunks that are moved while the packs are listed (as they were %s)', (shown, moves) => {
  async function prepare() {
    const backend = new MemoryBackend();
    const { id } = await put(await Store.initBackend(backend), image);
    const watched = moving(backend, shown);
    const reader = await Store.openBackend(watched);
    watched.moves = moves;
    return { id, backend, watched, reader };
  }

  test('are not missing to a check', async () => {
    const { reader } = await prepare();
    expect(await reader.verify({ readData: true })).toMatchObject({ ok: true, damaged: [] });
  });

  test('nor to a reader', async () => {
    const { id, backend, watched, reader } = await prepare();
    await moveAll(backend);
    expect((await exported(reader, id)).equals(image)).toBe(true);
    expect(watched.moves).toBe(0);
  });

  test('nor to a collector', async () => {
    const { watched, reader } = await prepare();
    const { liveChunks } = await reader.gc();
    expect(liveChunks).toBeGreaterThan(2);
    expect(watched.moves).toBe(0);
  });
});
