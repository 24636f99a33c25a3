import { PAGE_SIZE } from '@ckptree/model';
import { TASK_SIZE } from './elf.js';
import { damaged } from './exact-reader.js';
import { struct } from './struct.js';

/**
 * NT_FILE, the list of file mappings (Linux fs/binfmt_elf.c, fill_files_note): `count` and the unit of file offsets,
 * then `count` times start, end and file offset, then as many paths, each NUL-terminated. The kernel counts offsets
 * in pages, gdb in bytes.
 */
const HEAD = struct(16, { count: [0, 'u64'], unit: [8, 'u64'] });
const ENTRY = struct(24, { start: [0, 'u64'], end: [8, 'u64'], offset: [16, 'u64'] });

/** Keeps what looks like a byte order mark; what is no UTF-8 becomes U+FFFD, and is no path of any file then. */
const PATH = new TextDecoder('utf-8', { ignoreBOM: true });

export interface MappedFile {
  readonly start: number;
  readonly end: number;
  /** Offset into the file in pages. */
  readonly pgoff: number;
  readonly path: string;
}

/**
 * @param desc     the descriptor of NT_FILE
 * @param position where it stands in the file
 * @returns ascending, not overlapping
 * @throws EBADMSG
 */
export function decodeMappedFiles(desc: Uint8Array, position: number): MappedFile[] {
  if (desc.length < HEAD.size) throw damaged(position, 'the list of mapped files (NT_FILE) has no head');
  const { count, unit } = HEAD.decode(desc);
  if (count > BigInt(Math.floor((desc.length - HEAD.size) / ENTRY.size)))
    throw damaged(position, `the list of mapped files claims ${count} entries, more than its bytes can hold`);
  const files: MappedFile[] = [];
  let pathAt = HEAD.size + Number(count) * ENTRY.size;
  for (let index = 0; index < Number(count); index++) {
    const at = HEAD.size + index * ENTRY.size;
    const pathEnd = desc.indexOf(0, pathAt);
    if (pathEnd < 0) throw damaged(position + pathAt, `path ${index} of the mapped files has no end`);
    if (pathEnd === pathAt) throw damaged(position + pathAt, `path ${index} of the mapped files is empty`);
    const path = PATH.decode(desc.subarray(pathAt, pathEnd));
    files.push({ ...range(desc, at, unit, position), path });
    pathAt = pathEnd + 1;
  }
  return inOrder(files, position);
}

function range(desc: Uint8Array, at: number, unit: bigint, position: number): Omit<MappedFile, 'path'> {
  const { start, end, offset } = ENTRY.decode(desc, at);
  const page = BigInt(PAGE_SIZE);
  if (start % page !== 0n || end % page !== 0n || start >= end || end > BigInt(TASK_SIZE))
    throw damaged(
      position + at,
      `a file is said to be mapped at 0x${start.toString(16)}-0x${end.toString(16)}, which is no range of user pages`,
    );
  const bytes = offset * unit;
  if (bytes % page !== 0n || bytes >= 1n << 63n)
    throw damaged(
      position + at + 16,
      `a file is said to be mapped from byte ${bytes}, which is no page of a file`,
    );
  return { start: Number(start), end: Number(end), pgoff: Number(bytes / page) };
}

function inOrder(files: MappedFile[], position: number): MappedFile[] {
  files.sort((a, b) => a.start - b.start);
  for (let index = 1; index < files.length; index++) {
    const [before, after] = [files[index - 1]!, files[index]!];
    if (after.start < before.end)
      throw damaged(
        position,
        `${after.path} and ${before.path} are both said to be mapped at 0x${after.start.toString(16)}`,
      );
  }
  return files;
}

export function encodeMappedFiles(files: readonly MappedFile[]): Uint8Array {
  const head = HEAD.encode({ count: BigInt(files.length), unit: BigInt(PAGE_SIZE) });
  const entries = files.map(({ start, end, pgoff }) =>
    ENTRY.encode({ start: BigInt(start), end: BigInt(end), offset: BigInt(pgoff) }),
  );
  const paths = files.map(({ path }) => `${path}\0`).join('');
  return Buffer.concat([head, ...entries, new TextEncoder().encode(paths)]);
}
