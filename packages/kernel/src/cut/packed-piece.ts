import { type MmLayout, REGISTERS_SIZE } from '@ckptree/model';
import type { VmArea } from '../memory/vm-area.js';
import type { CutPiece, CutScene, MmPiece, TaskPiece } from './cut-piece.js';
import { Packer, Unpacker } from './packing.js';

/**
 * What a cpu saw of a cut on its way to the main thread: all numbers one behind the other, in the order in which they are
 * read again. To travel as it is, each object costs many times what is in it.
 */
export interface PackedPiece {
  readonly cut: number;
  readonly numbers: Float64Array;
  readonly longs: BigUint64Array;
  readonly leaves: Int32Array;
  /** Registers and local descriptor tables. */
  readonly bytes: Uint8Array;
  /** Each once. */
  readonly texts: readonly string[];
  readonly scene?: CutScene;
  readonly last: boolean;
}

export function packPiece({ cut, tasks, mms, tables, scene, last }: CutPiece): PackedPiece {
  const pack = new Packer();
  pack.list(tasks, (task) => packTask(pack, task));
  pack.list(mms, (mm) => packMm(pack, mm));
  pack.list(tables, ({ id, users, key, list }) => {
    pack.put(id, users);
    pack.text(key);
    pack.list(list, ({ fd, closeOnExec, file }) => {
      pack.put(fd, closeOnExec ? 1 : 0);
      pack.file(file);
    });
  });
  return { cut, ...pack.packed, ...(scene !== undefined && { scene }), last };
}

/** The piece as it was packed. Registers and auxiliary vectors are views of the memory that came; leaves are their own. */
export function unpackPiece({ cut, scene, last, ...packed }: PackedPiece): CutPiece {
  const unpack = new Unpacker(packed);
  const tasks = unpack.list(() => unpackTask(unpack));
  const mms = unpack.list(() => unpackMm(unpack));
  const tables = unpack.list(() => {
    const [id, users, key] = [unpack.take(), unpack.take(), unpack.text()];
    const list = unpack.list(() => ({
      fd: unpack.take(),
      closeOnExec: unpack.take() === 1,
      file: unpack.file()!,
    }));
    return { id, users, list, ...(key !== undefined && { key }) };
  });
  return { cut, tasks, mms, tables, ...(scene !== undefined && { scene }), last };
}

function packTask(pack: Packer, task: TaskPiece): void {
  pack.put(task.slot, task.mm, task.files);
  pack.longs.push(task.setChildTid);
  pack.longs.push(task.clearChildTid);
  pack.longs.push(task.robustList);
  pack.bytes.append(task.registers);
}

function unpackTask(unpack: Unpacker): TaskPiece {
  const [slot, mm, files] = [unpack.take(), unpack.take(), unpack.take()];
  return {
    slot,
    registers: unpack.bytes(REGISTERS_SIZE),
    setChildTid: unpack.long(),
    clearChildTid: unpack.long(),
    robustList: unpack.long(),
    mm,
    files,
  };
}

function packMm(pack: Packer, mm: MmPiece): void {
  const { layout, context } = mm;
  pack.put(mm.id, mm.users, mm.mapCount, mm.outstandingAio, context.vdso);
  packLayout(pack, layout);
  pack.longs.push(mm.flags);
  pack.longs.push(mm.defFlags);
  pack.put(mm.auxv.length, context.ldt.length, mm.leaves.length);
  pack.longs.append(mm.auxv);
  pack.bytes.append(context.ldt);
  pack.leaves.append(mm.leaves);
  pack.file(mm.exe);
  pack.list(mm.vmas, (vma) => packVma(pack, vma));
  pack.list(mm.history, ({ incarnation, first, last }) => {
    pack.text(incarnation);
    pack.put(first, last);
  });
}

function unpackMm(unpack: Unpacker): MmPiece {
  const [id, users, mapCount, outstandingAio] = [unpack.take(), unpack.take(), unpack.take(), unpack.take()];
  const vdso = unpack.take();
  const layout = unpackLayout(unpack);
  const [flags, defFlags] = [unpack.long(), unpack.long()];
  const auxv = unpack.longs(unpack.take());
  const context = { vdso, ldt: unpack.bytes(unpack.take()) };
  const leaves = unpack.leaves(unpack.take());
  const exe = unpack.file();
  const vmas = unpack.list(() => unpackVma(unpack));
  const history = unpack.list(() => ({
    incarnation: unpack.text()!,
    first: unpack.take(),
    last: unpack.take(),
  }));
  const state = { users, layout, flags, defFlags, outstandingAio };
  return { id, ...state, auxv, context, exe, mapCount, vmas, leaves, history };
}

function packLayout(pack: Packer, layout: MmLayout): void {
  pack.put(layout.startCode, layout.endCode, layout.startData, layout.endData, layout.startBrk, layout.brk);
  pack.put(layout.startStack, layout.argStart, layout.argEnd, layout.envStart, layout.envEnd);
}

function unpackLayout(unpack: Unpacker): MmLayout {
  return {
    startCode: unpack.take(),
    endCode: unpack.take(),
    startData: unpack.take(),
    endData: unpack.take(),
    startBrk: unpack.take(),
    brk: unpack.take(),
    startStack: unpack.take(),
    argStart: unpack.take(),
    argEnd: unpack.take(),
    envStart: unpack.take(),
    envEnd: unpack.take(),
  };
}

function packVma(pack: Packer, { start, end, flags, pageProt, pgoff, ops, name, file }: VmArea): void {
  pack.put(start, end, flags, pgoff);
  pack.longs.push(pageProt);
  pack.text(ops);
  pack.text(name);
  pack.file(file);
}

function unpackVma(unpack: Unpacker): VmArea {
  const [start, end, flags, pgoff] = [unpack.take(), unpack.take(), unpack.take(), unpack.take()];
  const pageProt = unpack.long();
  const ops = unpack.text() as VmArea['ops'];
  const [name, file] = [unpack.text(), unpack.file()];
  return {
    ...{ start, end, flags, pageProt, pgoff, ops },
    ...(name !== undefined && { name }),
    ...(file !== undefined && { file }),
  };
}
