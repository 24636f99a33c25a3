#!/usr/bin/env node
import { runCoordinator } from '@ckptree/coordinator';

await runCoordinator();
