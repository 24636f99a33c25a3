export type { ByteSink, ByteSource, StoredPages } from './bytes.js';
export { type FileDescriptor, type FileTable, FMODE, type OpenFile } from './file.js';
export { type Arenas, adjacentFrames, arenaHolding, frameBytes } from './frame-bytes.js';
export { leafStamp, MAX_EPOCH, pageStamp, stampLeaf, stampPage } from './leaf-stamps.js';
export {
  ARENA_FRAMES,
  arenaOf,
  LEAF_ENTRIES,
  LEAF_SHIFT,
  type MemorySnapshot,
  type MemoryVersions,
  offsetInArena,
  PAGE_SHIFT,
  PAGE_SIZE,
  PTE_DIRTY,
  PTE_FRAME_SHIFT,
  PTE_PRESENT,
} from './memory.js';
export { AT_VECTOR_SIZE, LDT_ENTRY_SIZE, type Mm, type MmContext, type MmLayout } from './mm.js';
export type { Cut, CutOptions, CutTiming, SnapshotSource } from './snapshot.js';
export {
  CPU_REGISTERS,
  EXIT_ZOMBIE,
  REGISTERS_SIZE,
  SEGMENT_REGISTERS,
  SIGCHLD,
  TASK_STATE,
  type Task,
  type TaskTree,
} from './task.js';
export { VM, type Vma, type VmaOps, type VmFlag, vmaRange, vmFlagNames } from './vma.js';
