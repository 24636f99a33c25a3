export type { Static, TInteger, TObject, TProperties, TSchema, TString } from 'typebox';
export { Ajv2020, type ValidateFunction } from './ajv.js';
export { type DocumentCheck, documentCheck } from './document-check.js';
export { type Fault, faultOf, firstFaultOf } from './fault.js';
export * as Type from './type.js';
