import { CkptError } from '@ckptree/errors';
import {
  type ByteSink,
  type ByteSource,
  type Mm,
  PAGE_SIZE,
  type StoredPages,
  type Task,
  type TaskTree,
  vmaRange,
} from '@ckptree/model';
import { MAX_SEGMENTS } from './elf.js';
import { planLoads, runsOf } from './plan-loads.js';
import { layOut, writeHeaders } from './write-headers.js';
import { encodeNotes } from './write-notes.js';

/** What a core that was written has in it. */
export interface CoreSummary {
  /** Of the file. */
  readonly bytes: number;
  readonly segments: number;
  /** Pages whose contents are in it. */
  readonly pages: number;
  readonly threads: number;
}

/**
 * Writes an ELF core file of one task: it and all tasks of its thread group that share its address space become the
 * threads of the core, it the first. gdb and readelf open it. A note of owner CKPTREE says what ELF has no place for
 * (zombies of the group, too), so that `readCore` gives back the same tasks.
 *
 * Memory stays bounded whatever the size: pages are copied a mebibyte at a time.
 *
 * @param tree   as an image or another core gave it
 * @param pid    the task
 * @param source where the pages of the tree are; read at ascending positions if the tree's are
 * @param sink   gets the core in order
 * @throws ESRCH no such task; EINVAL it has no memory, or the tree contradicts itself; ENOSYS it has memory that no
 *         image can hold; E2BIG its memory is in more pieces than a core may have; EIO the source ends within a page
 */
export async function writeCore(
  tree: TaskTree<StoredPages>,
  pid: number,
  source: ByteSource,
  sink: ByteSink,
): Promise<CoreSummary> {
  const { chosen, mm } = livingTask(tree, pid);
  const group = tree.tasks.filter((task) => task.tgid === chosen.tgid && (task.mm ?? mm) === mm);
  const notes = encodeNotes(chosen, mm, group);
  const { loads, bytes } = measure(mm, pid);
  const extent = layOut(loads + 1, notes.length);

  await writeHeaders(mm, extent, sink);
  await sink.write(notes);
  await sink.write(new Uint8Array(extent.contents - extent.notes - extent.notesLength));
  await copyPages(mm.memory, source, sink);
  return {
    bytes: extent.contents + bytes,
    segments: extent.segments,
    pages: bytes / PAGE_SIZE,
    threads: group.filter(({ registers }) => registers !== undefined).length,
  };
}

interface Living {
  readonly chosen: Task<StoredPages>;
  readonly mm: Mm<StoredPages>;
}

function livingTask(tree: TaskTree<StoredPages>, pid: number): Living {
  const chosen = tree.tasks.find((candidate) => candidate.pid === pid);
  if (chosen === undefined) throw new CkptError('ESRCH', `there is no task ${pid} in the tree`, { pid });
  const { mm, comm, registers } = chosen;
  if (mm === undefined || registers === undefined)
    throw new CkptError('EINVAL', `task ${pid} (${comm}) has ended: it has no memory to write`, {
      pid,
      comm,
    });
  return { chosen, mm };
}

function measure(mm: Mm<StoredPages>, pid: number): { loads: number; bytes: number } {
  let [loads, bytes] = [0, 0];
  for (const { filled } of planLoads(mm)) {
    bytes += filled;
    // The segment of the notes comes on top.
    if (++loads < MAX_SEGMENTS) continue;
    const sentence = `the memory of task ${pid} is in ${MAX_SEGMENTS} pieces or more, too many for a core`;
    throw new CkptError('E2BIG', sentence, { pid });
  }
  return { loads, bytes };
}

const COPY_BYTES = 2 ** 20;

async function copyPages(memory: StoredPages, source: ByteSource, sink: ByteSink): Promise<void> {
  for (const { start, end, position } of runsOf(memory)) {
    for (let done = 0; done < end - start; done += COPY_BYTES) {
      const length = Math.min(COPY_BYTES, end - start - done);
      const bytes = await source.read(position + done, length);
      if (bytes.length < length)
        throw new CkptError(
          'EIO',
          `the pages at ${vmaRange({ start: start + done, end })} are not where the tree says: the source ends before`,
          { position: position + done },
        );
      await sink.write(bytes);
    }
  }
}
