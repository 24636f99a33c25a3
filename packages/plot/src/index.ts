export type { Axis, Limit, Plot, Point, Series, Unit } from './plot.js';
export { formatQuantity } from './quantity.js';
export { renderPlot } from './render-plot.js';
