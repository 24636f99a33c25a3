import { at } from '@ckptree/errors';
import { type ImageContents, readTree } from '@ckptree/image';
import { type FileSource, openFileSource } from '@ckptree/restart';
import type { Session } from './session.js';

/** An image that is open: what it holds, and where its page contents are. */
export interface OpenImage {
  readonly contents: ImageContents;
  readonly source: FileSource;
}

/**
 * Opens an image, reads its structure, which checks it, and closes it when `use` has ended.
 * @throws what reading throws, and `use`; errors that name no file get this one's path
 */
export function withImage<Result>(
  path: string,
  session: Session,
  use: (image: OpenImage) => Promise<Result>,
): Promise<Result> {
  return withFile(path, async (source) => {
    const { signal, progress } = session;
    const onProgress = (bytes: number): void => progress.bytes('reading the image', bytes, source.size);
    const contents = await readTree(source, { signal, onProgress });
    progress.end();
    return use({ contents, source });
  });
}

/** Opens a file for as long as `use` takes. @throws what opening throws, and `use`; errors that name no file get this one's path */
export async function withFile<Result>(
  path: string,
  use: (source: FileSource) => Promise<Result>,
): Promise<Result> {
  const source = openFileSource(path);
  try {
    return await use(source);
  } catch (error) {
    throw at(error, { path });
  } finally {
    source.close();
  }
}
