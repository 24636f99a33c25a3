export { CATALOGUE, type ErrorCode, isErrorCode } from './catalogue.js';
export { asCkptError, at, CkptError, cannot, type ErrorFields, isCkptError, reasonOf } from './ckpt-error.js';
export { makeFolders } from './make-folders.js';
export { type ErrorData, errorFromData, errorToData } from './travel.js';
