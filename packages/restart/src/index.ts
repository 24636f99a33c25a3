export type { LoadOptions } from './load-memory.js';
export { type PartOptions, partOfImage } from './part-of-image.js';
export { placeImage } from './place-image.js';
export {
  describePlacement,
  type PlacedPart,
  Placement,
  type SpreadObject,
  workersOf,
} from './placement.js';
export {
  type Hosted,
  hostPart,
  hostTree,
  type RestartOptions,
  type RestartResult,
  restartImage,
  restartSource,
} from './restart.js';
