export {
  type Definition,
  type Leak,
  type ObjectOps,
  type ObjectOpsTable,
  ObjHash,
  type SharedObject,
} from './obj-hash.js';
