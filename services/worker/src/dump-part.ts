import { type Assignment, type PlannedPart, planLayout, planPart } from '@ckptree/checkpoint';
import { asCkptError } from '@ckptree/errors';
import type { TaskTree } from '@ckptree/model';
import type { Session, Store, StoredParts } from '@ckptree/store';

/** An address space on its way into the store. */
export interface MmProgress {
  /** The task that reaches it first. */
  readonly pid: number;
  readonly objref: number;
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface DumpProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  /** Under way, the largest first. */
  readonly mms: readonly MmProgress[];
}

export interface DumpOptions {
  readonly worker: string;
  readonly parent?: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: DumpProgress) => void;
}

/** What was stored, and the session that keeps it from being collected until the manifest is there. */
export interface DumpedPart {
  readonly session: Session;
  readonly stored: StoredParts;
  /** Bytes of the segments. */
  readonly logicalBytes: number;
}

/** Address spaces that are told of at once. */
const MMS_TOLD = 16;

/**
 * Encodes the segments that were assigned to this worker, and stores them.
 * @throws as planPart(), and what the store throws; EINTR the signal was raised. Nothing is kept then
 */
export async function dumpPart(
  store: Store,
  part: TaskTree,
  assignment: Assignment,
  { worker, parent, signal, onProgress }: DumpOptions,
): Promise<DumpedPart> {
  const planned = planPart(part, assignment, { worker });
  const tell = progressOf(planned, onProgress);
  tell(0);
  const session = await store.begin({ ...(parent !== undefined && { parent }), onProgress: tell });
  try {
    const layout = await planLayout(planned.plan, part, (history) => session.baseline(history));
    const check = (): void => {
      if (signal.aborted) throw asCkptError(signal.reason);
    };
    const stored = await session.writeParts({ ...layout, check }, planned.ends);
    tell(planned.plan.size);
    return { session, stored, logicalBytes: planned.plan.size };
  } catch (error) {
    await session.abort();
    throw error;
  }
}

/** Turns a position in the segments into figures for each address space. */
function progressOf({ plan }: PlannedPart, onProgress: DumpOptions['onProgress']): (bytes: number) => void {
  const mms = plan.segments.filter(({ kind }) => kind === 'mm');
  return (bytes) => {
    const underWay = mms
      .filter(({ position, size }) => position < bytes && bytes < position + size)
      .sort((one, other) => other.size - one.size)
      .slice(0, MMS_TOLD)
      .map(({ pid, objref, position, size }) => ({ pid, objref, bytes: bytes - position, totalBytes: size }));
    onProgress({ bytes, totalBytes: plan.size, mms: underWay });
  };
}
