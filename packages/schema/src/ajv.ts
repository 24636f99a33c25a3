/** What is used of ajv; see infra/bundle-libraries.mjs. */
export { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
