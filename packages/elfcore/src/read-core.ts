import { AT_VECTOR_SIZE, type ByteSource, type StoredPages, type TaskTree } from '@ckptree/model';
import { decodeAuxv } from './auxv.js';
import { ExactReader } from './exact-reader.js';
import { decodeMappedFiles } from './mapped-files.js';
import { readNotes } from './read-notes.js';
import { readSegments } from './read-segments.js';
import { decodeTreeNote } from './tree-note.js';
import { treeOfNote } from './tree-of-note.js';
import { treeOfProcess } from './tree-of-process.js';

/**
 * The address space and the threads of an ELF core file (x86-64 Linux), as the kernel or gdb writes it, as a task tree
 * whose page contents stay in the file. A core that `writeCore` wrote gives back exactly the tasks that went in.
 *
 * Every page of the core is a page of the tree, and no other; the vsyscall page, which belongs to the kernel and not to
 * the process, is left out. See the README for what a core does not tell.
 *
 * @param source the core; it is read by position, back and forth
 * @returns positions in `StoredPages` are byte positions in the core
 * @throws ENOEXEC it is no ELF core; ENOSYS it is of another machine; EBADMSG it is damaged, cut short or contradicts
 *         itself, at `fields.position`; E2BIG it has more segments or notes than any process
 */
export async function readCore(source: ByteSource): Promise<TaskTree<StoredPages>> {
  const core = new ExactReader(source);
  const { loads, notes } = await readSegments(core);
  const { threads, process, auxv: saved, mappedFiles, tree } = await readNotes(core, notes);
  const auxv = saved ? decodeAuxv(saved.bytes, saved.position) : new BigUint64Array(AT_VECTOR_SIZE);
  if (tree !== undefined) return treeOfNote(decodeTreeNote(tree), { threads, auxv, loads }, tree.position);
  const mapped = mappedFiles ? decodeMappedFiles(mappedFiles.bytes, mappedFiles.position) : [];
  return treeOfProcess({ threads, auxv, loads, process, mappedFiles: mapped });
}
