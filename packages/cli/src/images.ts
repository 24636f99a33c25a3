import { at } from '@ckptree/errors';
import { type ImageContents, readTree } from '@ckptree/image';
import type { ByteSource } from '@ckptree/model';
import { type FileSource, openFileSource } from '@ckptree/restart/file-source';
import type { Session } from './session.js';
import { isFile } from './store/is-file.js';
import type { ImageChoice } from './store/store-options.js';

/** Where the bytes of an image are. */
export interface ImageSource extends ByteSource {
  /** Bytes. */
  readonly size: number;
}

/** An image that is open: what it holds, and where its page contents are. */
export interface OpenImage {
  readonly contents: ImageContents;
  readonly source: ImageSource;
}

/**
 * Opens an image, reads its structure, which checks it, and closes it when `use` has ended.
 * @param text as withSource() takes it
 * @throws what reading throws, and `use`; errors that name no file get this image's name
 */
export function withImage<Result>(
  text: string,
  options: ImageChoice,
  session: Session,
  use: (image: OpenImage) => Promise<Result>,
): Promise<Result> {
  return withSource(text, options, async (source) => {
    const { signal, progress } = session;
    const onProgress = (bytes: number): void => progress.bytes('reading the image', bytes, source.size);
    const contents = await readTree(source, { signal, onProgress });
    progress.end();
    return use({ contents, source });
  });
}

/**
 * Opens what somebody calls an image.
 * @param text a file, if it has a slash or is there; otherwise a checkpoint of the store: an id, the unique beginning of
 *             one, or a name
 * @throws ENOENT there is neither; what opening throws, and `use`
 */
export async function withSource<Result>(
  text: string,
  options: ImageChoice,
  use: (source: ImageSource) => Promise<Result>,
): Promise<Result> {
  if (isFile(text)) return withFile(text, use);
  const { withStored } = await import('./store/stored.js');
  return withStored(text, options, async (source) => {
    try {
      return await use(source);
    } catch (error) {
      throw at(error, { path: text });
    }
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
