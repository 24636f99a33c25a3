import { type Finding, type VerifyReport, verifyImage } from '@ckptree/image';
import { withSource } from '../images.js';
import type { Palette } from '../output/palette.js';
import { printable } from '../output/printable.js';
import { formatBytes, formatCount, plural } from '../output/quantities.js';
import type { Outcome, Session } from '../session.js';
import type { ImageChoice } from '../store/store-options.js';

/** Checks an image against every rule of the format. */
export function verify(
  image: string,
  options: ImageChoice,
  { signal, progress }: Session,
): Promise<Outcome<VerifyReport>> {
  return withSource(image, options, async (source) => {
    const onProgress = (bytes: number): void => progress.bytes('verifying', bytes, source.size);
    const report = await verifyImage(source, { signal, onProgress });
    return { report, exitCode: report.ok ? 0 : 1 };
  });
}

export function formatVerify(
  { ok, bytes, counts, findings, moreFindings }: VerifyReport,
  palette: Palette,
): string {
  const { tasks, addressSpaces, files, pages, records } = counts;
  if (ok) {
    const contents = [
      plural(tasks, 'task'),
      plural(addressSpaces, 'address space'),
      plural(files, 'file'),
      plural(pages, 'page'),
    ];
    return `${palette.good('The image is sound')}: ${contents.join(', ')} in ${plural(records, 'record')}, ${formatBytes(bytes)}.\n`;
  }
  const total = findings.length + moreFindings;
  const lines = findings.map((finding) => formatFinding(finding, palette));
  const more = moreFindings > 0 ? [`... and ${formatCount(moreFindings)} more`] : [];
  return [...lines, ...more, palette.bad(`The image is damaged: ${plural(total, 'finding')}.`), ''].join(
    '\n',
  );
}

function formatFinding({ code, position, message, place }: Finding, palette: Palette): string {
  const { pid, comm, object, objref, vma } = place;
  const where = [
    ...(pid === undefined ? [] : [`task ${pid}${comm ? ` (${comm})` : ''}`]),
    ...(object === undefined ? [] : [`${object}${objref === undefined ? '' : ` ${objref}`}`]),
    ...(vma === undefined ? [] : [`vma ${vma}`]),
  ];
  const suffix = where.length === 0 ? '' : palette.faint(` (${printable(where.join(', '))})`);
  return `byte ${position}: ${palette.strong(code)}: ${printable(message)}${suffix}`;
}
