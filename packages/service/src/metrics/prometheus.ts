/** What is used of prom-client; see infra/bundle-libraries.mjs. */
export { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
