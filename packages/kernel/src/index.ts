export type { CloneRequest, MmapRequest, Program, Sys, Tick } from './program.js';
export { type RegisterName, Registers } from './registers.js';
