export { CATALOGUE, type ErrorCode, isErrorCode } from './catalogue.js';
export { asCkptError, at, CkptError, type ErrorFields, isCkptError } from './ckpt-error.js';
export { type ErrorData, errorFromData, errorToData } from './travel.js';
