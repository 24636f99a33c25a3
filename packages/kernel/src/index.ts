export type { CloneRequest, MmapRequest, Program, Sys, Tick } from './program.js';
export { type ParamsPlace, prepareParams } from './programs/params.js';
export { PROGRAMS, programNamed } from './programs/registry.js';
export { type RegisterName, Registers } from './registers.js';
export { parseSpec, type Spec } from './spec/parse-spec.js';
export { publishedSpecSchema } from './spec/published-schema.js';
export { readSpec } from './spec/read-spec.js';
export type { OpenFlags, SpawnTask, SpawnTree } from './spec/spawn-tree.js';
