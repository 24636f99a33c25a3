import { type MergedTree, planHeadAndTail } from '@ckptree/checkpoint';
import { CkptError } from '@ckptree/errors';
import type { Composition, Manifest, Session, StoredPart, StoredParts } from '@ckptree/store';
import type { Underway } from './step-parts.js';

/** The records of the image are those of this architecture, whichever machine writes it. */
const MACHINE = 'x86_64';

/**
 * Puts the manifest: head, the segments of the workers in the order of the image, tail. The same record makes the same
 * manifest, so a leader that takes over may put it again.
 * @returns what is listed
 * @throws EIO a chunk is missing; what the store throws
 */
export async function commit(
  session: Session,
  { keeper }: Underway,
  tree: MergedTree,
  stored: ReadonlyMap<string, StoredParts>,
): Promise<Manifest> {
  const { checkpoint, created, system, durationMs = 0 } = keeper.record;
  const { head, tail } = planHeadAndTail(tree, {
    uts: { release: system.release, version: system.version, machine: MACHINE },
    time: BigInt(Math.floor(Date.parse(created) / 1000)),
  });
  const { figures, rootPid, tasks } = tree;
  return session.commitParts({
    id: checkpoint,
    created,
    durationMs,
    tree: {
      rootPid,
      comm: tasks[0]?.comm ?? '',
      tasks: figures.tasks,
      mms: figures.mms,
      pages: figures.pages,
    },
    pieces: [head.records, ...segmentsInOrder(tree, stored), tail.records],
    added: addedBy(stored),
  });
}

function segmentsInOrder(tree: MergedTree, stored: ReadonlyMap<string, StoredParts>): StoredPart[] {
  const next = new Map<string, number>();
  return tree.segments.map(({ worker }) => {
    const index = next.get(worker) ?? 0;
    next.set(worker, index + 1);
    const part = stored.get(worker)?.parts[index];
    if (part === undefined)
      throw new CkptError('EBADMSG', `worker ${worker} stored fewer segments than it was told to`, {
        worker,
      });
    return part;
  });
}

function addedBy(stored: ReadonlyMap<string, StoredParts>): Composition['added'] {
  const added = { new: 0, stored: 0 };
  for (const { added: own } of stored.values()) {
    added.new += own.new;
    added.stored += own.stored;
  }
  return added;
}
