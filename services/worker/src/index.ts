export { runWorker } from './main.js';
