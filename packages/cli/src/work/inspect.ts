import { type InspectReport, type InspectSections, inspectImage, inspectLines } from '@ckptree/image';
import { withImage } from '../images.js';
import type { Outcome, Session } from '../session.js';
import type { ImageChoice } from '../store/store-options.js';

/** Tells what an image holds. */
export function inspect(
  image: string,
  { pages = false, ...options }: InspectSections & ImageChoice,
  session: Session,
): Promise<Outcome<InspectReport>> {
  return withImage(image, options, session, async ({ contents }) => ({
    report: inspectImage(contents, { pages }),
    exitCode: 0,
  }));
}

export function* formatInspect(report: InspectReport, sections: InspectSections): Generator<string> {
  for (const line of inspectLines(report, sections)) yield `${line}\n`;
}
