import { OutputFile } from '@ckptree/checkpoint';
import { writeCore } from '@ckptree/elfcore';
import { type Static, Type } from '@ckptree/schema';
import { withImage } from '../images.js';
import { fileSink } from '../output/file-sink.js';
import type { Palette } from '../output/palette.js';
import { printable } from '../output/printable.js';
import { formatBytes, plural } from '../output/quantities.js';
import type { Outcome, Session } from '../session.js';
import type { ImageChoice } from '../store/store-options.js';

export const CoreReport = Type.Object(
  {
    path: Type.String({ description: 'The core file.' }),
    pid: Type.Integer({ description: 'The task that it is of.' }),
    bytes: Type.Integer({ description: 'Size of the file.' }),
    segments: Type.Integer({ description: 'Program headers.' }),
    pages: Type.Integer({ description: 'Pages whose contents are in it.' }),
    threads: Type.Integer(),
  },
  { additionalProperties: false },
);
type CoreReport = Static<typeof CoreReport>;

export interface CoreOptions extends ImageChoice {
  /** The pid of the task. */
  readonly task: number;
  readonly output: string;
}

/** Writes an ELF core of one task of an image. */
export function writeTaskCore(
  image: string,
  { task: pid, output, ...options }: CoreOptions,
  session: Session,
): Promise<Outcome<CoreReport>> {
  const { signal, progress } = session;
  return withImage(image, options, session, async ({ contents, source }) => {
    const file = await OutputFile.create(output, 'core');
    try {
      // A core has about as many bytes as its image, or fewer.
      const onWritten = (bytes: number): void => progress.bytes('writing the core', bytes, source.size);
      const summary = await writeCore(contents.tree, pid, source, fileSink(file, signal, onWritten));
      await file.commit();
      return { report: { path: file.path, pid, ...summary }, exitCode: 0 };
    } catch (error) {
      await file.discard();
      throw error;
    }
  });
}

export function formatCore({ path, pid, bytes, pages, threads }: CoreReport, { strong }: Palette): string {
  const size = strong(formatBytes(bytes));
  return `Core of task ${pid}: ${plural(threads, 'thread')}, ${plural(pages, 'page')}, ${size} written to ${printable(path)}\n`;
}
