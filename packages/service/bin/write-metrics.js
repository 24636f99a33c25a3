#!/usr/bin/env node
// Writes docs/metrics.md from the tables in src/metrics.
import { writeFileSync } from 'node:fs';
import { metricsPage } from '@ckptree/service';

writeFileSync(new URL('../../../docs/metrics.md', import.meta.url), metricsPage());
