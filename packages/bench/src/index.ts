export { main } from './main.js';
export type { Measurement, Scenario, ScenarioOptions } from './scenario.js';
