import { CkptError } from '@ckptree/errors';
import type { ByteSource } from '@ckptree/model';
import { findingError } from '../finding.js';
import { type ReadOptions, walk } from '../walk.js';
import type { ImageContents } from './contents.js';
import { TreeBuilder } from './tree-builder.js';

/**
 * Reads an image strictly. It takes exactly the images that `verifyImage` finds nothing in. Page contents are not
 * read; memory is linear in the tasks, objects, vmas and runs of pages that the image really holds.
 * @throws EBADMSG, with position and task, at the first breach of a rule; ENOEXEC it is no image at all;
 *   ENOSYS the image holds what is not supported; EIO the checkpoint failed, with its text; EINTR
 *   `options.signal` was aborted; what the source throws
 */
export async function readTree(source: ByteSource, options: ReadOptions = {}): Promise<ImageContents> {
  const builder = new TreeBuilder();
  const walked = await walk(
    source,
    builder,
    (finding) => {
      throw findingError(finding);
    },
    options,
  );
  const built = builder.finish();
  if (built === undefined)
    throw new CkptError('EBADMSG', 'the image ends without a head', { position: walked.bytes });
  return { ...built, ...walked };
}
