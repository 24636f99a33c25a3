export { readCore } from './read-core.js';
export { HOSTED_EXECUTABLE } from './tree-of-process.js';
export { type CoreSummary, writeCore } from './write-core.js';
