import { type DiffReport, diffTrees } from '@ckptree/image';
import { withImage } from '../images.js';
import type { Outcome, Session } from '../session.js';

/** Compares two images. */
export function diff(a: string, b: string, session: Session): Promise<Outcome<DiffReport>> {
  const { signal } = session;
  return withImage(a, session, (inA) =>
    withImage(b, session, async (inB) => {
      const report = await diffTrees(inA, inB, { signal });
      return { report, exitCode: report.equal ? 0 : 1 };
    }),
  );
}

export { formatDiff } from '@ckptree/image';
