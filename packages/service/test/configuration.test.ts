import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from '@ckptree/schema';
import {
  bytes,
  choice,
  commonOptions,
  duration,
  path,
  readConfig,
  secret,
  wholeNumber,
} from '@ckptree/service';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ExampleService, scratchFolder } from './support/service.js';

const folder = scratchFolder();
const PROGRAM = { command: 'ckptree test', description: 'A test.', version: '1.2.3' };
const OPTIONS = {
  store: path({ description: 'folder of the store', placeholder: 'dir' }),
  leaseMs: duration({ name: 'lease', description: 'lease', minimum: 100, maximum: 60_000, default: 5_000 }),
  memory: bytes({ description: 'memory', minimum: 2 ** 20, maximum: 2 ** 40, default: 2 ** 30 }),
  maxTasks: wholeNumber({ description: 'tasks', minimum: 1, maximum: 100_000, default: 1_000 }),
  codec: choice(['zstd', 'none'], { description: 'codec', default: 'zstd' }),
  passphrase: Type.Optional(secret({ description: 'passphrase' })),
};

/** What was read, or the error as data. */
function read(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  try {
    return readConfig(PROGRAM, OPTIONS, args, env);
  } catch (error) {
    const { code, message, fields } = error as { code: string; message: string; fields: object };
    return { code, message, fields };
  }
}

describe('configuration', () => {
  test('is flags, then variables, then defaults; units are read', () => {
    const env = { CKPTREE_STORE: '/s', CKPTREE_LEASE: '250ms', CKPTREE_MAX_TASKS: '5', CKPTREE_CODEC: '' };
    expect(read(['--lease', '2s', '--memory', '4GiB'], env)).toEqual({
      kind: 'config',
      config: { store: '/s', leaseMs: 2_000, memory: 4 * 2 ** 30, maxTasks: 5, codec: 'zstd' },
    });
  });

  test('a missing value names the flag and the variable', () => {
    expect(read([])).toEqual({
      code: 'EINVAL',
      message: '--store is missing; give it, or set CKPTREE_STORE',
      fields: { field: '--store' },
    });
  });

  test('all faults are told at once, each by the name of where it came from, with what would be right', () => {
    const env = { CKPTREE_LEASE: '5', CKPTREE_MEMORY: '1K' };
    expect(read(['--max-tasks', '0', '--codec', 'zip', '--store', ''], env)).toMatchObject({
      code: 'EINVAL',
      message: [
        '--store must be a text that is not empty, not ""',
        'CKPTREE_LEASE must be a time such as 500ms, 10s or 15m, from 100ms to 1m, not "5"',
        'CKPTREE_MEMORY must be an amount of memory such as 512M or 4G, from 1M to 1T, not "1K"',
        '--max-tasks must be a whole number from 1 to 100000, not "0"',
        '--codec must be one of zstd, none, not "zip"',
      ].join('; '),
      fields: { field: '--store' },
    });
  });

  test('what is no flag is refused', () => {
    expect(read(['--stroe', 'x'])).toMatchObject({
      code: 'EINVAL',
      message: "unknown option '--stroe' (Did you mean --store?)",
    });
    expect(read(['--store', 'x', 'y'])).toMatchObject({ code: 'EINVAL' });
    expect(read(['--store'])).toMatchObject({ code: 'EINVAL' });
  });

  test('an address of NATS has no password in it, and no message shows the one that it has', () => {
    const nats = (url: string) => readConfig(PROGRAM, commonOptions('worker'), ['--nats', url], {});
    expect(nats('nats://a:4222,tls://b:4222')).toMatchObject({ kind: 'config' });
    for (const url of [
      'nats://all:hunter2@a:4222',
      'nats://b,nats://all:hun,ter2@a',
      'nats://all:hun@ter2@a',
    ])
      expect(() => nats(url)).toThrow(
        /^--nats must be an address .*, without user and password, .*\/\.\.\.@a/,
      );
  });

  test('a secret comes from its variable or from the first line of a file, and no message shows it', () => {
    const file = join(folder, 'secret');
    writeFileSync(file, 'hunter2\nmore\n');
    const config = (passphrase: string) => ({ config: { passphrase } });
    expect(read(['--store', 's'], { CKPTREE_PASSPHRASE: 'from env' })).toMatchObject(config('from env'));
    expect(read(['--store', 's', '--passphrase-file', file])).toMatchObject(config('hunter2'));
    expect(read(['--store', 's'], { CKPTREE_PASSPHRASE_FILE: file })).toMatchObject(config('hunter2'));
    expect(read(['--store', 's', '--passphrase', 'seen by ps'])).toMatchObject({ code: 'EINVAL' });
    expect(read(['--store', 's', '--passphrase-file', join(folder, 'none')])).toMatchObject({
      code: 'ENOENT',
      fields: { path: join(folder, 'none'), field: '--passphrase-file' },
    });
    writeFileSync(file, '\n');
    expect(read(['--store', 's', '--passphrase-file', file])).toMatchObject({
      message: '--passphrase-file must be a text that is not empty',
    });
  });

  test('help shows every flag and variable, with defaults in the units that people write', () => {
    const reading = read(['--help']);
    const text = 'text' in reading ? String(reading.text) : '';
    for (const part of [
      '--lease <duration>',
      '(default: 5s)',
      '(default: 1G)',
      'CKPTREE_MAX_TASKS',
      '--codec <zstd|none>',
    ])
      expect(text).toContain(part);
    expect(text).toMatch(/CKPTREE_PASSPHRASE, CKPTREE_PASSPHRASE_FILE\s+a secret/);
    expect(text).toMatch(/--passphrase-file <file>/);
  });

  test('every amount and time that is written is read as itself', () => {
    const units = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, KiB: 2 ** 10, m: 2 ** 20 };
    fc.assert(
      fc.property(fc.constantFrom(...Object.entries(units)), fc.nat(4_000_000), ([unit, size], n) => {
        const reading = read(['--store', 's', '--memory', `${n}${unit}`]);
        const isIn = n * size >= 2 ** 20 && n * size <= 2 ** 40;
        return isIn
          ? 'config' in reading && reading.config.memory === n * size
          : 'code' in reading && reading.code === 'EINVAL';
      }),
    );
  });

  test('no text makes it fail otherwise than by EINVAL', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 3 }), fc.string(), (args, variable) => {
        const reading = read(['--store', 's', '--', ...args], { CKPTREE_LEASE: variable });
        return 'kind' in reading || ('code' in reading && reading.code === 'EINVAL');
      }),
    );
  });
});

describe('a service whose configuration makes no sense', () => {
  test('says so in one line and ends with code 2, before it opens anything', async () => {
    const service = new ExampleService(['--http', '70000', '--id', 'a.b'], { CKPTREE_LOG_LEVEL: 'loud' });
    expect(await service.ended).toEqual({
      code: 2,
      signal: null,
      stdout: '',
      stderr: [
        'ckptree worker: EINVAL: --id must be a name of 1 to 63 of a-z, 0-9 and -, not beginning with -, not "a.b"; ' +
          '--http must be a whole number from 0 to 65535, not "70000"; ' +
          'CKPTREE_LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, not "loud"',
        '  ckptree worker --help tells more',
        '',
      ].join('\n'),
    });
    expect(service.announcements).toEqual([]);
  });

  test('rules between options are told in the same way', async () => {
    const service = new ExampleService(['--data', '/']);
    expect(await service.ended).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^ckptree worker: EINVAL: --data must not be the root folder\n/),
    });
  });

  test('help and version go to stdout, with code 0', async () => {
    expect(await new ExampleService(['--help']).ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: ckptree worker \[options\]\n\nStands in for a worker\.\n/),
      stderr: '',
    });
    expect(await new ExampleService(['--version']).ended).toMatchObject({ code: 0, stdout: '1.2.3\n' });
  });
});
