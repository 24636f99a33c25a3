// A service for the tests: its readiness hangs on a file, its work takes as long as it is told to.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import { Type } from '@ckptree/schema';
import {
  bytes,
  choice,
  duration,
  onOff,
  openConnection,
  path,
  runService,
  secret,
  workerMetrics,
} from '@ckptree/service';

const NEVER = 2 ** 30;

await runService({
  role: 'worker',
  description: 'Stands in for a worker.',
  version: '1.2.3',
  options: {
    data: path({ description: 'folder of its data', placeholder: 'dir' }),
    gate: Type.Optional(path({ description: 'it is ready while this file is there' })),
    memory: bytes({ description: 'simulated memory', minimum: 2 ** 20, maximum: 2 ** 40, default: 2 ** 30 }),
    workMs: duration({
      name: 'work',
      description: 'what it has to end',
      minimum: 0,
      maximum: NEVER,
      default: 0,
    }),
    startMs: duration({
      name: 'start',
      description: 'how long to start',
      minimum: 0,
      maximum: NEVER,
      default: 0,
    }),
    mode: choice(['plain', 'throw', 'reject', 'fail', 'start-fails', 'deaf'], {
      description: 'what goes wrong',
      default: 'plain',
    }),
    connect: onOff({ description: 'with a connection to NATS' }),
    storeKey: Type.Optional(secret({ description: 'key of the store' })),
  },
  check: ({ data }) => {
    if (data === '/')
      throw new CkptError('EINVAL', '--data must not be the root folder', { field: '--data' });
  },
  start: async (components) => {
    const { config, log, registry, readiness, signal, fail } = components;
    const { gate, workMs, startMs, mode } = config;
    if (mode === 'start-fails') throw new CkptError('EBUSY', 'the folder is in use', { path: config.data });
    await sleep(startMs, undefined, mode === 'deaf' ? {} : { signal });
    workerMetrics(registry).tasks.set({ state: 'running' }, 7);
    if (gate !== undefined)
      readiness.add('gate', () => {
        if (!existsSync(gate)) throw new CkptError('ENOENT', 'the gate is shut', { path: gate });
      });
    process.on('SIGUSR2', () => {
      if (mode === 'throw') throw new TypeError('a mistake');
      if (mode === 'reject') void Promise.reject(new CkptError('EIO', 'nobody caught this', { pid: 9 }));
      if (mode === 'fail')
        fail(new CkptError('EPERM', 'NATS refused the password', { field: '--nats-password' }));
    });
    const connection = config.connect ? await openConnection('worker', components) : undefined;
    return {
      drain: async (deadline) => {
        log.info({ aborted: deadline.aborted }, 'draining');
        await sleep(workMs, undefined, mode === 'deaf' ? {} : { signal: deadline });
        log.info('drained');
      },
      close: async () => {
        await connection?.close();
        log.info('closed');
      },
    };
  },
});
