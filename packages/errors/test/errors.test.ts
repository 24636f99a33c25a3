import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  asCkptError,
  at,
  CATALOGUE,
  CkptError,
  cannot,
  errorFromData,
  errorToData,
  isCkptError,
} from '@ckptree/errors';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const codes = Object.keys(CATALOGUE) as (keyof typeof CATALOGUE)[];

test('tests run as ECMAScript modules', () => {
  expect(import.meta.url).toMatch(/^file:/);
});

describe('the catalogue', () => {
  test('has one errno a code', () => {
    const numbers = Object.values(CATALOGUE).map(({ errno }) => errno);
    expect(new Set(numbers).size).toBe(numbers.length);
  });
});

describe('asCkptError', () => {
  test('keeps the code and path of a system error and the error itself as cause', () => {
    const system = Object.assign(new Error('no such file'), { code: 'ENOENT', path: '/nowhere' });
    const error = asCkptError(system);
    expect(error).toMatchObject({ code: 'ENOENT', fields: { path: '/nowhere' }, cause: system });
  });

  test('knows an error of another realm, as those of Node itself are under jest', async () => {
    const error = await readFile('/nowhere').catch(asCkptError);
    expect(error).toMatchObject({ code: 'ENOENT', fields: { path: '/nowhere' } });
  });

  test('says in words what was tried with which file, and why it failed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ckptree-errors-'));
    const [file, missing] = [join(folder, 'file'), join(folder, 'missing')];
    const reasons = async (...doing: Promise<unknown>[]) =>
      (await Promise.allSettled(doing)).map((end) => end.status === 'rejected' && asCkptError(end.reason));
    try {
      await writeFile(file, '');
      const [opened, listed, made, renamed, read] = await reasons(
        open(missing),
        readdir(missing),
        mkdir(join(file, 'x')),
        rename(missing, file),
        readFile(folder),
      );
      expect(opened).toHaveProperty('message', `cannot open ${missing}: there is no such file or folder`);
      expect(listed).toHaveProperty(
        'message',
        `cannot read the folder ${missing}: there is no such file or folder`,
      );
      expect(made).toMatchObject({
        code: 'ENOENT',
        message: `cannot make the folder ${file}/x: a part of this path is a file and not a folder`,
      });
      expect(renamed).toHaveProperty(
        'message',
        `cannot rename ${missing} to ${file}: there is no such file or folder`,
      );
      expect(read).toMatchObject({ code: 'EINVAL', message: 'cannot read: it is a folder and not a file' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('says of a machine and a program, too, what was tried with them', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const [taken] = await once(createServer().listen(port, '127.0.0.1'), 'error');
      expect(asCkptError(taken)).toMatchObject({
        code: 'EIO',
        message: `cannot listen on 127.0.0.1:${port}: another process listens there`,
      });
    } finally {
      server.close();
    }
    const [missing] = await once(spawn('/nowhere/program'), 'error');
    expect(asCkptError(missing)).toMatchObject({
      code: 'ENOENT',
      message: 'cannot start /nowhere/program: there is no such file or folder',
    });
  });

  test('leaves what it has no words for as it is', () => {
    const odd = Object.assign(new Error('EODD: odd'), { code: 'EODD', syscall: 'open', path: '/x' });
    expect(asCkptError(odd)).toMatchObject({ code: 'EIO', message: 'EODD: odd', fields: { path: '/x' } });
  });

  test('turns what has no code, and what is no error, into EIO', () => {
    expect(asCkptError(new Error('odd')).code).toBe('EIO');
    expect(asCkptError('odd')).toMatchObject({ code: 'EIO', message: 'odd' });
    expect(asCkptError(Object.assign(new Error('odd'), { code: 'constructor' })).code).toBe('EIO');
  });
});

test('cannot() says it of the file that was meant, and keeps what the system said underneath', async () => {
  const error = cannot(
    'create the image',
    'x.img',
    await readFile('/nowhere/.tmp').catch((reason) => reason),
  );
  expect(errorToData(error)).toEqual({
    code: 'ENOENT',
    message: 'cannot create the image x.img: there is no such file or folder',
    fields: { path: 'x.img' },
    cause: {
      code: 'ENOENT',
      message: 'cannot open /nowhere/.tmp: there is no such file or folder',
      fields: { path: '/nowhere/.tmp' },
    },
  });
});

test.each(['odd', null, 7, { code: 'EIO' }])(
  'what is no error, %j, is not told as its own cause',
  (thrown) => {
    expect(errorToData(thrown)).toEqual({ code: 'EIO', message: String(thrown), fields: {} });
  },
);

test('at() adds what is not known of the place and keeps what is', () => {
  const inner = new CkptError('ENOSYS', 'bad flags', { vma: '1000-2000' });
  expect(at(inner, { vma: '0-1', pid: 7 })).toMatchObject({
    code: 'ENOSYS',
    fields: { vma: '1000-2000', pid: 7 },
  });
});

describe('an error as data', () => {
  const place = fc.record(
    { pid: fc.nat(), vma: fc.string(), path: fc.string(), position: fc.nat() },
    { requiredKeys: [] },
  );
  const errors = fc
    .array(fc.tuple(fc.constantFrom(...codes), fc.string(), place), { minLength: 1, maxLength: 6 })
    .map((chain) =>
      chain.reduceRight<CkptError | undefined>(
        (cause, [code, message, fields]) => new CkptError(code, message, fields, cause),
        undefined,
      ),
    );

  test('comes back with code, message, fields and causes', () => {
    fc.assert(
      fc.property(errors, (error) => {
        const travelled = JSON.parse(JSON.stringify(errorToData(error)));
        expect(errorToData(errorFromData(travelled))).toEqual(errorToData(error));
        expect(isCkptError(errorFromData(travelled))).toBe(true);
      }),
    );
  });

  test('survives a thread boundary, which loses the class and the code of a thrown error', async () => {
    const error = new CkptError('EBUSY', 'outstanding aio', { pid: 12, comm: 'init' }, new Error('disk'));
    const echo =
      'const { parentPort } = require("node:worker_threads"); parentPort.on("message", (m) => parentPort.postMessage(m));';
    const worker = new Worker(echo, { eval: true });
    try {
      const answer = new Promise((resolve) => worker.once('message', resolve));
      worker.postMessage(errorToData(error));
      const back = errorFromData((await answer) as ReturnType<typeof errorToData>);
      expect(back).toMatchObject({
        code: 'EBUSY',
        message: 'outstanding aio',
        fields: { pid: 12, comm: 'init' },
      });
      expect((back.cause as Error).message).toBe('disk');
    } finally {
      await worker.terminate();
    }
  });

  test('with a code of a newer peer becomes EIO and keeps the name', () => {
    const back = errorFromData({ code: 'ENEWER', message: 'x', fields: {} });
    expect(back).toMatchObject({ code: 'EIO', message: 'ENEWER: x' });
  });

  test('never grows without bound along its causes', () => {
    const loop = new Error('loop');
    loop.cause = loop;
    expect(JSON.stringify(errorToData(loop)).length).toBeLessThan(2000);
  });
});
