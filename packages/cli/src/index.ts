export { main } from './main.js';
export { REPORT_SCHEMAS } from './report-schemas.js';
