export { type FileSource, openFileSource } from './file-source.js';
export type { LoadOptions } from './load-memory.js';
export { hostTree, type RestartOptions, type RestartResult, restartImage, restartSource } from './restart.js';
