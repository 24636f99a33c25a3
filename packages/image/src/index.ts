export { bytesSource } from './bytes-source.js';
export * from './constants.js';
export { type DiffSide, diffTrees } from './diff/diff-trees.js';
export { formatDiff } from './diff/format-diff.js';
export { DIFF_SCHEMA, type DiffReport } from './diff/report.js';
export { encodeBuffer, encodeString } from './encode/buffer.js';
export { encodeErrorRecord } from './encode/error-record.js';
export { encodeFile, encodeFileDesc, encodeFileTable, encodeObjref } from './encode/file.js';
export { encodeHead, encodeTail, type ImageHead } from './encode/head.js';
export { encodeAuxv, encodeMm, encodeMmContext, encodeVma, hasContents } from './encode/mm.js';
export {
  batchSize,
  batchStart,
  contentsSize,
  encodePagesEnd,
  pagesHeader,
  putPagesHeader,
} from './encode/pages.js';
export { encodeTask, encodeTaskObjs, encodeTree, type TaskPids } from './encode/task.js';
export { FINDING_SCHEMA, type Finding, findingError } from './finding.js';
export type { DecodedHead } from './grammar/visitor.js';
export { formatInspect, type InspectSections } from './inspect/format-inspect.js';
export { type InspectOptions, inspectImage } from './inspect/inspect-image.js';
export { INSPECT_SCHEMA, type InspectReport } from './inspect/report.js';
export type { ImageContents, TaskRecords } from './read/contents.js';
export { readFailure } from './read/failure.js';
export { readTree } from './read/read-tree.js';
export { storedPageCount } from './read/runs.js';
export {
  encodePayload,
  encodeRecord,
  type RecordName,
  type RecordValues,
  recordSize,
  recordTypeName,
} from './records.js';
export { type FindingCode, RULES } from './rules.js';
export { type Column, table } from './table.js';
export { type ImageCounts, MAX_FINDINGS, VERIFY_SCHEMA, type VerifyReport } from './verify/report.js';
export { verifyImage } from './verify/verify-image.js';
export type { ReadOptions } from './walk.js';
