import type { TSchema } from 'typebox';
import { DemoReport } from './demo/demo-report.js';
import { FailureReport } from './output/failure-schema.js';
import { TreeReport } from './tree/tree-report.js';
import { CoreReport } from './work/core.js';

const published = (title: string, schema: TSchema): TSchema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title,
  ...schema,
});

/**
 * What `--json` prints, as JSON Schema (draft 2020-12), by the name of the command; `error` is for all when they fail.
 * Those of inspect, verify and diff are the image's own: packages/image/schemas.
 */
export const REPORT_SCHEMAS: Readonly<Record<string, TSchema>> = {
  run: published('What ckptree run --json prints', TreeReport),
  restart: published('What ckptree restart --json prints', TreeReport),
  demo: published('What ckptree demo --json prints', DemoReport),
  core: published('What ckptree core --json prints', CoreReport),
  error: published('What any ckptree command prints with --json when it fails', FailureReport),
};
