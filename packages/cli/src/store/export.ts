import { OutputFile } from '@ckptree/checkpoint';
import type { ByteSink } from '@ckptree/model';
import { type Static, Type } from '@ckptree/schema';
import type { Manifest, Store } from '@ckptree/store';
import { fileSink } from '../output/file-sink.js';
import type { Palette } from '../output/palette.js';
import { printable } from '../output/printable.js';
import { formatBytes } from '../output/quantities.js';
import { writeAll } from '../output/write-all.js';
import type { Outcome, Session } from '../session.js';
import { withStore } from './open-store.js';
import type { StoreOptions } from './store-options.js';
import { resolve } from './stored.js';

export const ExportReport = Type.Object(
  {
    id: Type.String({ description: 'The checkpoint.' }),
    path: Type.Optional(Type.String({ description: 'The image; absent when it went to stdout.' })),
    bytes: Type.Integer({ description: 'Its size.' }),
  },
  { additionalProperties: false },
);
type ExportReport = Static<typeof ExportReport>;

/** Writes the image of a checkpoint, byte for byte as it was. @param output a file; undefined for stdout */
export function exportCheckpoint(
  text: string,
  output: string | undefined,
  options: StoreOptions,
  session: Session,
): Promise<Outcome<ExportReport>> {
  return withStore(options, {}, async (store) => {
    const manifest = await resolve(store, text, options);
    const { id, sizes } = manifest;
    const path = await (output === undefined
      ? exportToStdout(store, manifest, session)
      : exportToFile(store, manifest, output, session));
    return { report: { id, ...(path !== undefined && { path }), bytes: sizes.logical }, exitCode: 0 };
  });
}

async function exportToStdout(store: Store, { id }: Manifest, { signal }: Session): Promise<undefined> {
  const sink: ByteSink = {
    write(bytes) {
      signal.throwIfAborted();
      return writeAll(process.stdout, bytes);
    },
  };
  await store.export(id, sink);
}

async function exportToFile(
  store: Store,
  { id, sizes }: Manifest,
  output: string,
  { signal, progress }: Session,
): Promise<string> {
  const file = await OutputFile.create(output);
  try {
    const onWritten = (bytes: number): void => progress.bytes('writing the image', bytes, sizes.logical);
    await store.export(id, fileSink(file, signal, onWritten));
    await file.commit();
    return file.path;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

export const formatExport = ({ id, path, bytes }: ExportReport, { strong }: Palette): string =>
  path === undefined ? '' : `Checkpoint ${id}: ${strong(formatBytes(bytes))} written to ${printable(path)}\n`;
