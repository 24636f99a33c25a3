export { runCoordinator } from './main.js';
