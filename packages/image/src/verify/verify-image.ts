import type { ByteSource } from '@ckptree/model';
import type { Finding } from '../finding.js';
import type { ImageVisitor } from '../grammar/visitor.js';
import { type ReadOptions, walk } from '../walk.js';
import { type ImageCounts, MAX_FINDINGS, type VerifyReport } from './report.js';

/**
 * The full structural check of an image. Page contents are skipped: the format has no checksum over them.
 * @throws EINTR `options.signal` was aborted; what the source throws
 */
export async function verifyImage(source: ByteSource, options: ReadOptions = {}): Promise<VerifyReport> {
  const findings: Finding[] = [];
  let moreFindings = 0;
  const { counts, visitor } = counter();
  const { records, bytes } = await walk(
    source,
    visitor,
    (finding) => {
      if (findings.length < MAX_FINDINGS) findings.push(finding);
      else moreFindings++;
    },
    options,
  );
  return { ok: findings.length === 0, findings, moreFindings, counts: { records, ...counts }, bytes };
}

/** A visitor that counts what it is told. */
function counter(): { counts: Omit<ImageCounts, 'records'>; visitor: ImageVisitor } {
  const counts = {
    tasks: 0,
    zombies: 0,
    fileTables: 0,
    descriptors: 0,
    files: 0,
    addressSpaces: 0,
    vmas: 0,
    pages: 0,
  };
  const ignore = () => undefined;
  const visitor: ImageVisitor = {
    head: ignore,
    pids: ignore,
    task({ exit_state }) {
      counts.tasks++;
      if (exit_state !== 0) counts.zombies++;
    },
    thread: ignore,
    restartBlock: ignore,
    cpu: ignore,
    fileTable: () => counts.fileTables++,
    fileDesc: () => counts.descriptors++,
    file: () => counts.files++,
    mm: () => counts.addressSpaces++,
    vma: () => counts.vmas++,
    pages: (_address, count) => {
      counts.pages += count;
    },
    mmContext: ignore,
    taskObjs: ignore,
  };
  return { counts, visitor };
}
