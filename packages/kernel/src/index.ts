export type { TaskExit } from './cpu/messages.js';
export type { HoldOptions } from './cut/cutter.js';
export type { HeldCut, HoldTiming, Resumed } from './cut/held-cut.js';
export { digestOfZombie, type ExitStatus, exitStatus } from './exit-status.js';
export { contentVersion } from './files/file-versions.js';
export { PROGRAM_FOLDER } from './files/open-files.js';
export { isProgram, releaseLeaves, waitsForChildren } from './hosting.js';
export { type HoldScope, Kernel } from './kernel.js';
export type { KernelOptions } from './kernel-options.js';
export type { PageFill } from './memory/page-fills.js';
export { PhysicalMemory, type PhysicalMemoryHandle } from './memory/physical-memory.js';
export { type FragmentRoot, fragmentRoots } from './placement/fragment-roots.js';
export { placeSpawn } from './placement/place-spawn.js';
export {
  type PlacingOptions,
  type PlacingWorker,
  placementLoad,
  placeTasks,
} from './placement/place-tasks.js';
export type { PlacingTask } from './placement/placing-task.js';
export type { Forest } from './process/forest.js';
export type { Disowned, Fragment, Reparented } from './process/fragments.js';
export type { TaskStatus } from './process/task-status.js';
export type { CloneRequest, MmapRequest, Program, Sys, Tick } from './program.js';
export { type ParamsPlace, prepareParams } from './programs/params.js';
export { PROGRAMS, programNamed } from './programs/registry.js';
export { type RegisterName, Registers } from './registers.js';
export { parseSpec, type Spec } from './spec/parse-spec.js';
export { publishedSpecSchema } from './spec/published-schema.js';
export { readSpec } from './spec/read-spec.js';
export { type ForestTask, SpawnForest } from './spec/spawn-forest.js';
export type { OpenFlags, SpawnTask, SpawnTree } from './spec/spawn-tree.js';
export { type SplitOptions, splitTree } from './spec/split-tree.js';
