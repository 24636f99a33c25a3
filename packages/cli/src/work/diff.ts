import { type DiffReport, diffTrees } from '@ckptree/image';
import { withImage } from '../images.js';
import type { Outcome, Session } from '../session.js';
import type { ImageChoice } from '../store/store-options.js';

/** Compares two images. */
export function diff(
  a: string,
  b: string,
  options: ImageChoice,
  session: Session,
): Promise<Outcome<DiffReport>> {
  const { signal } = session;
  return withImage(a, options, session, (inA) =>
    withImage(b, options, session, async (inB) => {
      const report = await diffTrees(inA, inB, { signal });
      return { report, exitCode: report.equal ? 0 : 1 };
    }),
  );
}

export { formatDiff } from '@ckptree/image';
