import {
  encode,
  type ObjectTypeName,
  putErrorRecord,
  putObjref,
  putPayload,
  putRecord,
  putTail,
  putTask,
  type RecordName,
  recordTypeName,
} from '@ckptree/image';
import { RECORDS } from '../../dist/records.js';
import { family, HEAD, page, single, task } from './trees.js';
import { imageParts, joinParts } from './write-image.js';

/** One record of an image, as a copy that may be written to. */
class Piece {
  readonly name: string;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.name = recordTypeName(this.#view.getUint32(0, true)) ?? '?';
  }

  get #view(): DataView {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  /** Writes a number at an offset of the record. */
  put(offset: number, value: number | bigint, width: 1 | 2 | 4 | 8 = 4): void {
    if (width === 8) this.#view.setBigUint64(offset, BigInt(value), true);
    else if (width === 4) this.#view.setUint32(offset, Number(value) >>> 0, true);
    else if (width === 2) this.#view.setUint16(offset, Number(value), true);
    else this.#view.setUint8(offset, Number(value));
  }

  /** Writes a field by its name. */
  set(field: string, value: number | bigint): void {
    const { offsets } = RECORDS[this.name as RecordName].body;
    const offset = 8 + (offsets as Readonly<Record<string, number>>)[field]!;
    const next = Math.min(
      ...Object.values(offsets)
        .map((at) => 8 + at)
        .filter((at) => at > offset),
      this.bytes.length,
    );
    this.put(offset, value, typeof value === 'bigint' ? 8 : next - offset >= 4 ? 4 : 2);
  }
}

/** An image cut into its records, to be spoiled. */
export class Spoilable {
  #pieces: Piece[];

  constructor(image: Uint8Array) {
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    this.#pieces = [];
    for (let at = 0; at < image.length; at += view.getUint32(at + 4, true))
      this.#pieces.push(new Piece(image.slice(at, at + view.getUint32(at + 4, true))));
  }

  /** The `index`th record of a name; from the end where negative. */
  get(name: string, index = 0): Piece {
    return this.#pieces.filter((piece) => piece.name === name).at(index)!;
  }

  remove(...pieces: Piece[]): void {
    this.#pieces = this.#pieces.filter((piece) => !pieces.includes(piece));
  }

  /** Puts records before a piece. */
  before(piece: Piece, ...records: Uint8Array[]): void {
    this.#pieces.splice(this.#pieces.indexOf(piece), 0, ...records.map((bytes) => new Piece(bytes)));
  }

  after(piece: Piece, ...records: Uint8Array[]): void {
    this.#pieces.splice(this.#pieces.indexOf(piece) + 1, 0, ...records.map((bytes) => new Piece(bytes)));
  }

  replace(piece: Piece, ...records: Uint8Array[]): void {
    this.before(piece, ...records);
    this.remove(piece);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#pieces.map(({ bytes }) => bytes)));
  }
}

type Spoil = (image: Spoilable) => void;

const spoiled = (tree: typeof single, spoil: Spoil) => () => {
  const image = new Spoilable(joinParts(imageParts(HEAD, tree())));
  spoil(image);
  return image.bytes;
};
const ofSingle = (spoil: Spoil) => spoiled(single, spoil);
const ofFamily = (spoil: Spoil) => spoiled(family, spoil);
const cut = (take: (image: Uint8Array) => number) => () => {
  const image = joinParts(imageParts(HEAD, single()));
  return image.slice(0, take(image));
};
const set =
  (name: RecordName, field: string, value: number | bigint, index = 0): Spoil =>
  (image) =>
    image.get(name, index).set(field, value);
const objref = (type: ObjectTypeName, number: number) => encode(putObjref, type, number);
const text = (characters: string) => new TextEncoder().encode(characters);

/** Images with one thing wrong, named after it, by the rule that it breaks first. */
export const DAMAGED: Readonly<Record<string, () => Uint8Array>> = {
  // Framing.
  'not-an-image.empty': () => new Uint8Array(0),
  'not-an-image.text': () => text('#!/bin/sh\nexit 1\n'),
  'not-an-image.elf-core': () =>
    Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  'truncated.inside-the-header': cut(() => 40),
  'truncated.inside-a-record-header': cut(() => 76),
  'truncated.inside-the-pages': cut((image) => image.length - 1000),
  'truncated.before-the-tail': cut((image) => image.length - 16),
  'truncated.inside-the-tail': cut((image) => image.length - 1),
  'trailing-bytes.one': ofSingle((image) =>
    image.after(image.get('TAIL'), encode(putPayload, 'BUFFER', page(9).slice(0, 1))),
  ),
  'record-length.shorter-than-a-header': ofSingle((image) => image.get('TASK').put(4, 7)),
  'record-length.one-more': ofSingle((image) => image.get('TASK').put(4, 73)),
  'record-length.four-gigabytes': ofSingle((image) => image.get('CPU').put(4, 0xffff_ffff)),
  'record-length.vma-of-64': ofSingle((image) => image.get('VMA').put(4, 64)),
  'record-length.contents-one-page-short': ofSingle((image) => image.get('PGARR').set('nr_pages', 2n)),
  'record-length.auxv-too-short': ofSingle((image) => {
    const auxv = image.get('BUFFER', -2);
    image.replace(auxv, encode(putPayload, 'BUFFER', auxv.bytes.slice(8, -8)));
  }),
  'record-length.path-too-long': ofFamily((image) =>
    image.replace(image.get('FILE_NAME'), encode(putPayload, 'FILE_NAME', text(`${'/x'.repeat(2048)}\0`))),
  ),
  'record-type.unknown': ofFamily((image) => image.get('THREAD', 1).put(0, 4242)),
  'record-type.of-a-task': ofFamily((image) => image.get('TASK', 1).put(0, 110)),
  'record-order.cpu-missing': ofFamily((image) => image.remove(image.get('CPU', 1))),
  'record-order.thread-twice': ofSingle((image) =>
    image.after(image.get('THREAD'), image.get('THREAD').bytes),
  ),
  'record-order.vma-outside': ofSingle((image) =>
    image.before(image.get('TASK_OBJS'), image.get('VMA').bytes),
  ),
  'record-order.pages-not-ended': ofFamily((image) => image.remove(image.get('PGARR', 1))),
  'record-order.second-file-table': ofSingle((image) =>
    image.before(
      image.get('TASK_OBJS'),
      objref('FILE_TABLE', 3),
      encode(putRecord, 'FILE_TABLE', { fdt_nfds: 0 }),
    ),
  ),
  'record-order.mm-as-a-file': ofFamily((image) => image.get('OBJREF', 1).set('objtype', 4)),
  'record-order.descriptor-too-many': ofFamily((image) => image.get('FILE_TABLE').set('fdt_nfds', 2)),
  'record-order.descriptors-too-few': ofFamily((image) =>
    image.get('FILE_TABLE').set('fdt_nfds', 0x7fff_ffff),
  ),
  'record-unsupported.floating-point-state': ofSingle((image) =>
    image.after(image.get('CPU'), encode(putPayload, 'CPU_FPU', page(1).slice(0, 512))),
  ),
  'record-unsupported.security-context': ofSingle((image) =>
    image.before(image.get('TREE'), encode(putPayload, 'LSM_INFO', page(1).slice(0, 24))),
  ),
  'framing-lost.length-and-type': ofFamily((image) => {
    image.get('STRING').put(0, 4242);
    image.get('STRING').put(4, 31);
  }),

  // Values of any record.
  'not-zero.padding-of-task': ofSingle((image) => image.get('TASK').put(28, 1)),
  'not-zero.padding-of-pids': ofSingle((image) => image.get('BUFFER', 4).put(8 + 20, 1)),
  'not-zero.padding-of-vma': ofSingle((image) => image.get('VMA').put(20, 1)),
  'not-zero.inode-of-a-private-vma': ofSingle((image) => image.get('VMA').put(24, 4096n, 8)),
  'not-zero.restart-argument': ofSingle(set('RESTART_BLOCK', 'arg_3', 5n)),
  'text.comm-not-ended': ofSingle((image) =>
    image.replace(image.get('STRING'), encode(putPayload, 'STRING', text('0123456789abcdef'))),
  ),
  'text.behind-the-nul': ofSingle((image) => image.get('BUFFER').put(8 + 64, 0x78, 1)),
  'text.path-not-utf8': ofFamily((image) => image.get('FILE_NAME').put(9, 0xff, 1)),
  'text.path-with-a-nul': ofFamily((image) => image.get('FILE_NAME').put(10, 0, 1)),
  'out-of-range.start-of-code': ofSingle(set('MM', 'start_code', 2n ** 63n)),
  'out-of-range.vdso': ofSingle(set('MM_CONTEXT', 'vdso', 2n ** 47n + 1n)),
  'out-of-range.ldt-entry-size': ofSingle(set('MM_CONTEXT', 'ldt_entry_size', 16)),
  'out-of-range.ldt-entries': ofSingle(set('MM_CONTEXT', 'nldt', 0xffff_ffff)),
  'out-of-range.file-position': ofFamily(set('FILE', 'f_pos', 2n ** 53n)),
  'out-of-range.offset-of-vma': ofFamily(set('VMA', 'vm_pgoff', 2n ** 60n)),
  'out-of-range.object-type': ofSingle(set('OBJREF', 'objtype', 99)),

  // Head and tail.
  'head-magic.byte-order': ofSingle(set('HEADER', 'magic', 0x00d2_a2c0_0ced_fe00n)),
  'tail-magic.zero': ofSingle(set('TAIL', 'magic', 0n)),
  'version.23': ofSingle(set('HEADER', 'rev', 6)),
  'architecture.s390x': ofSingle(set('HEADER', 'arch_id', 3)),
  'constants.comm-length': ofSingle((image) => image.get('HEADER').put(32, 17, 2)),
  'constants.auxv-size': ofSingle((image) => image.get('HEADER').put(34, 0xffff, 2)),
  'image-flags.unknown': ofSingle(set('HEADER', 'uflags', 0x11n)),

  // The tree.
  'task-count.none': ofSingle(set('TREE', 'nr_tasks', 0)),
  'task-count.negative': ofSingle(set('TREE', 'nr_tasks', -1)),
  'task-count.two-billion': ofSingle(set('TREE', 'nr_tasks', 0x7fff_ffff)),
  'task-count.more-than-pids': ofFamily(set('TREE', 'nr_tasks', 5)),
  'task-count.task-missing': ofFamily((image) =>
    image.remove(image.get('TASK', -1), image.get('STRING', -1)),
  ),
  'task-count.task-too-many': ofSingle((image) => {
    const { registers: _, ...dead } = task(99, { exitState: 16 });
    image.before(image.get('TAIL'), encode(putTask, dead));
  }),
  'pid.zero': ofSingle((image) => image.get('BUFFER', 3 + 1).put(8, 0)),
  'pid.twice': ofFamily((image) => image.get('BUFFER', 4).put(8 + 24, 10)),
  'pid.negative-session': ofFamily((image) => image.get('BUFFER', 4).put(8 + 16, -1)),
  'parent.unknown': ofFamily((image) => image.get('BUFFER', 4).put(8 + 3 * 24 + 4, 77)),
  'parent.thread-of-a-thread': ofFamily((image) => {
    const pids = image.get('BUFFER', 4);
    pids.put(8 + 2 * 24 + 4, 77);
    pids.put(8 + 2 * 24 + 8, 11);
  }),
  'out-of-range.exit-code': ofFamily(set('TASK', 'exit_code', 0x1_0000, -1)),
  'out-of-range.exit-signal': ofFamily(set('TASK', 'exit_signal', 65, 1)),
  'out-of-range.parent-death-signal': ofFamily(set('TASK', 'pdeath_signal', 65, 2)),
  'task-state.dead': ofFamily(set('TASK', 'exit_state', 32, -1)),
  'restart-block.nanosleep': ofSingle(set('RESTART_BLOCK', 'function_type', 2n)),

  // Shared objects.
  'objref.twice': ofFamily(set('OBJREF', 'objref', 2, 2)),
  'objref.gap': ofFamily((image) => {
    image.get('OBJREF', 1).set('objref', 20);
    image.get('FILE_DESC').set('fd_objref', 20);
  }),
  'objref.zero': ofSingle((image) => {
    image.get('OBJREF', 0).set('objref', 0);
    image.get('TASK_OBJS').set('files_objref', 0);
  }),
  'objref.negative': ofSingle((image) => {
    image.get('OBJREF', 1).set('objref', -5);
    image.get('TASK_OBJS').set('mm_objref', -5);
  }),
  'object-type.signal-handlers': ofSingle(set('OBJREF', 'objtype', 6)),
  'object-undefined.file-of-descriptor': ofFamily(set('FILE_DESC', 'fd_objref', 4711, 2)),
  'object-undefined.no-file': ofFamily(set('FILE_DESC', 'fd_objref', 0, 2)),
  'object-undefined.credentials': ofFamily(set('FILE', 'f_credref', 1)),
  'object-undefined.file-of-vma': ofFamily(set('VMA', 'vma_objref', 0)),
  'object-undefined.signal-handlers': ofSingle(set('TASK_OBJS', 'sighand_objref', 3)),
  'object-mismatch.mm-is-a-table': ofFamily(set('TASK_OBJS', 'mm_objref', 1, 1)),
  'object-mismatch.anonymous-vma-with-file': ofFamily(set('VMA', 'vma_objref', 5, 2)),
  'object-unused.mm': ofSingle(set('TASK_OBJS', 'mm_objref', 0)),
  'object-unused.file': ofFamily(set('FILE_DESC', 'fd_objref', 2, 1)),
  'file-type.pipe': ofFamily(set('FILE', 'f_type', 2)),
  'descriptor.not-ascending': ofFamily(set('FILE_DESC', 'fd_descriptor', 0, 1)),
  'descriptor.negative': ofFamily(set('FILE_DESC', 'fd_descriptor', -1)),
  'descriptor.close-on-exec': ofFamily(set('FILE_DESC', 'fd_close_on_exec', 2)),

  // Memory.
  'map-count.one-more': ofFamily(set('MM', 'map_count', 6)),
  'map-count.four-billion': ofSingle(set('MM', 'map_count', 0xffff_ffff)),
  'vma-type.shared-memory': ofFamily(set('VMA', 'vma_type', 4, 2)),
  'vma-range.not-aligned': ofSingle(set('VMA', 'vm_end', 0x1000_2001n)),
  'vma-range.empty': ofFamily(set('VMA', 'vm_end', 0x40_0000n)),
  'vma-range.kernel-space': ofFamily(set('VMA', 'vm_end', 0xffff_8000_0000_0000n, -1)),
  'vma-order.overlap': ofFamily(set('VMA', 'vm_end', 0x60_1000n)),
  'vma-unsupported.shared': ofSingle(set('VMA', 'vm_flags', 0x7bn)),
  'vma-flags.33-bits': ofSingle(set('VMA', 'vm_flags', 0x1_0000_0073n)),
  'batch-size.8193': ofSingle(set('PGARR', 'nr_pages', 8193n)),
  'batch-size.two-to-the-63': ofSingle(set('PGARR', 'nr_pages', 2n ** 63n)),
  'page-address.not-aligned': ofSingle((image) => image.get('BUFFER', -1).put(8, 0x1000_1008)),
  'page-address.before-the-vma': ofSingle((image) => image.get('BUFFER', -1).put(8, 0xfff_f000)),
  'page-address.behind-the-vma': ofSingle((image) => image.get('BUFFER', -1).put(8, 0x1000_2000)),
  'page-address.twice': ofFamily((image) => image.get('BUFFER', 7).put(16, 0x1000_0000)),

  'checkpoint-failed.busy': ofFamily((image) => {
    const records = [...'x'].map(() =>
      encode(putErrorRecord, '[err -16][pos 1234][E @ dump:mm][pid 12 tsk child]Outstanding aio'),
    );
    image.replace(image.get('MM', 1), ...records, encode(putTail));
  }),
};
