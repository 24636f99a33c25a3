#!/usr/bin/env node
import { runWorker } from '@ckptree/worker';

await runWorker();
