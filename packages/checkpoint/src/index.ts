export {
  type CheckpointOptions,
  type CheckpointResult,
  type CheckpointTiming,
  checkpoint,
  checkpointTo,
  type SaveOptions,
  type Taken,
} from './checkpoint.js';
export { type Assignment, checkAssignment } from './cluster/assignment.js';
export { describePart } from './cluster/describe-part.js';
export { type HeadAndTail, planHeadAndTail } from './cluster/head-and-tail.js';
export { type MergeOptions, merge } from './cluster/merge.js';
export type { MergedSegment, MergedTask, MergedTree } from './cluster/merged-tree.js';
export {
  type PlannedPart,
  type PlannedSegment,
  type PlanSegmentsOptions,
  planPart,
  planSegments,
} from './cluster/plan-segments.js';
export { checkSkeleton, type Skeleton } from './cluster/skeleton.js';
export { checkContained, collect } from './collect.js';
export { DEBUG_AREAS, type Debug, type DebugArea, debugAreas } from './debug.js';
export { type DumpProgress, dumpParallel, type ParallelDumpOptions } from './dump-parallel.js';
export { DumpPool, type DumpPoolOptions } from './dump-pool.js';
export { dumpSequential } from './dump-sequential.js';
export { fileSink } from './file-sink.js';
export type { ImageSink, ImageWriter } from './image-sink.js';
export { newObjectHash, type ObjectHash, type ObjectTypes } from './objects.js';
export { OutputFile } from './output-file.js';
export type { Batch, Plan, PlanFigures, Range, Segment, SegmentKind } from './plan.js';
export { type PlanOptions, planCheckpoint } from './plan-checkpoint.js';
export { planLayout } from './plan-layout.js';
export { storeSink } from './store-sink.js';
