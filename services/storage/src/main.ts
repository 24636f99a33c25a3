import { checkStoreSecrets, runService } from '@ckptree/service';
import { storageOptions } from './options.js';
import { start } from './start.js';
import { tuneCollector } from './tune-collector.js';

tuneCollector();

await runService({
  role: 'storage',
  description: 'Serves a store of checkpoints to the cluster. Any number of these may serve the same folder.',
  version: '0.1.0',
  options: storageOptions,
  check: checkStoreSecrets,
  start,
});
