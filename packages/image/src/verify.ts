import type { ByteSource } from '@ckptree/model';
import type { Finding } from './finding.js';
import type { ImageVisitor } from './grammar/visitor.js';
import { type ReadOptions, walk } from './walk.js';

/** How many of each thing an image holds. */
export interface ImageCounts {
  readonly records: number;
  readonly tasks: number;
  /** Tasks that have ended. */
  readonly zombies: number;
  readonly fileTables: number;
  readonly descriptors: number;
  readonly files: number;
  readonly mms: number;
  readonly vmas: number;
  readonly pages: number;
}

export interface VerifyReport {
  /** The image keeps every rule: a strict reader takes it. */
  readonly ok: boolean;
  /** Every breach, in the order of the image; at most `MAX_FINDINGS`. */
  readonly findings: readonly Finding[];
  /** How many more there were. */
  readonly moreFindings: number;
  readonly counts: ImageCounts;
  /** Bytes of the image, as far as records could be told apart. */
  readonly bytes: number;
}

/** Findings that are kept. */
export const MAX_FINDINGS = 1000;

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

function counter() {
  const counts = { tasks: 0, zombies: 0, fileTables: 0, descriptors: 0, files: 0, mms: 0, vmas: 0, pages: 0 };
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
    mm: () => counts.mms++,
    vma: () => counts.vmas++,
    pages: (_addresses, count) => {
      counts.pages += count;
    },
    mmContext: ignore,
    taskObjs: ignore,
  };
  return { counts, visitor };
}
