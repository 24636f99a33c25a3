import type { TSchema } from '@ckptree/schema';
import { CancelReport } from './cluster/cancel.js';
import { ClusterCheckpointReport } from './cluster/checkpoint.js';
import { RetentionReport } from './cluster/retention.js';
import { SchedulesReport } from './cluster/schedules.js';
import { PsReport, SignalReport } from './cluster/tasks.js';
import { StartedReport } from './cluster/trees.js';
import { UpReport } from './cluster/up.js';
import { WorkersReport } from './cluster/workers.js';
import { DemoReport } from './demo/demo-report.js';
import { FailureReport } from './output/failure-schema.js';
import { CheckpointInfo } from './store/checkpoint-info.js';
import { ExportReport } from './store/export.js';
import { ForgetReport } from './store/forget.js';
import { KeysReport } from './store/keys.js';
import { ListReport } from './store/list.js';
import { GcReport, RepairReport, StoreInfoReport } from './store/maintenance.js';
import { StoreVerifyReport } from './store/verify-store.js';
import { TreeReport } from './tree/tree-report.js';
import { CoreReport } from './work/core.js';

const published = (title: string, schema: TSchema): TSchema => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title,
  ...schema,
});

/**
 * What `--json` prints, as JSON Schema (draft 2020-12), by the name of the command (`store-gc` for `store gc`); `error` is for all when they fail.
 * Those of inspect, verify and diff are the image's own: packages/image/schemas.
 */
export const REPORT_SCHEMAS: Readonly<Record<string, TSchema>> = {
  run: published('What ckptree run --json prints', TreeReport),
  restart: published('What ckptree restart --json prints', TreeReport),
  'restart-cluster': published('What ckptree restart --nats URL --json prints', StartedReport),
  up: published('What ckptree up --json prints at its end', UpReport),
  spawn: published('What ckptree spawn --json prints', StartedReport),
  ps: published('What ckptree ps --json prints', PsReport),
  checkpoint: published('What ckptree checkpoint --json prints', ClusterCheckpointReport),
  freeze: published('What ckptree freeze --json prints', SignalReport),
  thaw: published('What ckptree thaw --json prints', SignalReport),
  kill: published('What ckptree kill --json prints', SignalReport),
  workers: published('What ckptree workers --json prints', WorkersReport),
  schedules: published('What ckptree schedules --json prints', SchedulesReport),
  retention: published('What ckptree retention --json prints', RetentionReport),
  cancel: published('What ckptree cancel --json prints', CancelReport),
  demo: published('What ckptree demo --json prints', DemoReport),
  core: published('What ckptree core --json prints', CoreReport),
  ls: published('What ckptree ls --json prints', ListReport),
  show: published('What ckptree show --json prints', CheckpointInfo),
  import: published('What ckptree import --json prints', CheckpointInfo),
  export: published('What ckptree export --output FILE --json prints', ExportReport),
  rm: published('What ckptree rm --json prints', ForgetReport),
  'store-init': published('What ckptree store init --json prints', StoreInfoReport),
  'store-info': published('What ckptree store info --json prints', StoreInfoReport),
  'store-verify': published('What ckptree store verify --json prints', StoreVerifyReport),
  'store-repair': published('What ckptree store repair --json prints', RepairReport),
  'store-gc': published('What ckptree store gc --json prints', GcReport),
  'store-forget': published('What ckptree store forget --json prints', ForgetReport),
  'store-key': published('What ckptree store key add, remove and list --json print', KeysReport),
  error: published('What any ckptree command prints with --json when it fails', FailureReport),
};
