export { bytesSource } from './bytes-source.js';
export * from './constants.js';
export { type DiffSide, diffTrees } from './diff/diff-trees.js';
export { formatDiff } from './diff/format-diff.js';
export { DIFF_SCHEMA, type DiffReport } from './diff/report.js';
export { putErrorRecord } from './encode/error-record.js';
export { putFile, putFileDesc, putFileTable, putObjref } from './encode/file.js';
export { type ImageHead, putHead, putTail } from './encode/head.js';
export { hasContents, putAuxv, putMm, putMmContext, putVma } from './encode/mm.js';
export {
  batchSize,
  batchStart,
  contentsSize,
  pagesHeader,
  putPagesEnd,
  putPagesHeader,
} from './encode/pages.js';
export { encode, type RecordTarget } from './encode/target.js';
export { putTask, putTaskObjs, putTree, type TaskPids } from './encode/task.js';
export { FINDING_SCHEMA, type Finding, findingError } from './finding.js';
export type { DecodedHead } from './grammar/visitor.js';
export { formatInspect, type InspectSections, inspectLines } from './inspect/format-inspect.js';
export { type InspectOptions, inspectImage } from './inspect/inspect-image.js';
export { INSPECT_SCHEMA, type InspectReport } from './inspect/report.js';
export type { ImageContents, TaskRecords } from './read/contents.js';
export { readFailure } from './read/failure.js';
export { readTree } from './read/read-tree.js';
export { storedPageCount } from './read/runs.js';
export {
  putPayload,
  putRecord,
  putText,
  type RecordName,
  type RecordValues,
  recordSize,
  recordTypeName,
} from './records.js';
export { type FindingCode, RULES } from './rules.js';
export { type ImageCounts, MAX_FINDINGS, VERIFY_SCHEMA, type VerifyReport } from './verify/report.js';
export { verifyImage } from './verify/verify-image.js';
export type { ReadOptions } from './walk.js';
