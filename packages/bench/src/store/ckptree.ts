import { write } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OutputFile } from '@ckptree/checkpoint';
import type { ByteSink } from '@ckptree/model';
import { openFileSource } from '@ckptree/restart/file-source';
import { type Manifest, poolEngine, Store } from '@ckptree/store';
import { runCommand } from '../command.js';
import { timed } from '../measure.js';
import type { Contestant } from './contestant.js';
import { folderSize } from './folder-size.js';

const COMMAND = new URL('../../../cli/bin/ckptree.js', import.meta.url).pathname;
const NAME = 'bench';
const writeAt = promisify(write);

/** ckptree as a command: each time a process that starts, opens the store and ends, as the peers do. */
export function command(image: string, folder: string, { encrypt = false } = {}): Contestant {
  const name = encrypt ? 'ckptree command, encrypted' : 'ckptree command';
  const store = join(folder, encrypt ? 'encrypted' : 'plain');
  const passphrase = join(folder, 'passphrase');
  const run = (...args: string[]) =>
    runCommand([process.execPath, COMMAND, ...args, '--quiet', '--store', store], {
      CKPTREE_PASSPHRASE: '',
      ...(encrypt && { CKPTREE_PASSPHRASE: 'bench' }),
    });
  return {
    name,
    deduplicates: true,
    async fresh() {
      await rm(store, { recursive: true, force: true });
      await writeFile(passphrase, 'bench\n');
      await run('store', 'init', ...(encrypt ? ['--passphrase-file', passphrase] : []));
    },
    put: () => run('import', image, '--name', NAME),
    restore: (target) => run('export', NAME, '--output', target),
    storedBytes: () => folderSize(store),
  };
}

/** ckptree in a process that goes on, as those are whose memory is stored again and again. */
export function openStore(image: string, folder: string): Contestant {
  const path = join(folder, 'open');
  let store: Store | undefined;
  return {
    name: 'ckptree, store open',
    deduplicates: true,
    async fresh() {
      // Emptied, not made anew: its threads are those of a process that has been at work for a while.
      store ??= await Store.init(path, { engine: poolEngine() });
      const { checkpoints } = await store.list();
      await store.forget(checkpoints.map(({ id }) => id));
      await store.gc();
    },
    put: () => timed(() => putFile(store!, image)),
    restore: (target) => timed(async () => exportTo(store!, (await store!.resolve(NAME)).id, target)),
    storedBytes: () => folderSize(path),
    async close() {
      await store?.close();
      await rm(path, { recursive: true, force: true });
    },
  };
}

/** Stores an image, in its turn under the same name as others. */
export async function putFile(store: Store, image: string): Promise<Manifest> {
  const file = openFileSource(image);
  const session = await store.begin({ name: NAME });
  try {
    await session.importImage(file);
    return await session.commit();
  } finally {
    await session.abort();
    file.close();
  }
}

/** Writes a checkpoint to a new file, durably. */
export async function exportTo(store: Store, id: string, target: string): Promise<void> {
  const file = await OutputFile.create(target);
  let position = 0;
  const sink: ByteSink = {
    async write(bytes) {
      await writeAt(file.fd, bytes, 0, bytes.length, position);
      position += bytes.length;
      file.beginWriteback(position);
    },
  };
  try {
    await store.export(id, sink);
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}
