import { type TestServer, testServer } from '@ckptree/nats-server/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ckptree, scratchFolder } from './support/ckptree.js';

const scratch = scratchFolder();
let nats: TestServer;
beforeAll(async () => {
  const include = scratch.write('users.conf', 'authorization { user: client, password: hunter2 }\n');
  nats = await testServer({ include });
});
afterAll(() => nats.remove());

const events = (args: readonly string[], CKPTREE_NATS_CLIENT_PASSWORD: string) =>
  ckptree(['events', ...args], { env: { CKPTREE_NATS_CLIENT_PASSWORD } });

test('whoever gives no password, or a wrong one, is told where it is given', async () => {
  const advice =
    'give user and password by --nats-user NAME, unless it is client, and --nats-password-file FILE or CKPTREE_NATS_CLIENT_PASSWORD';
  const at = ['--nats', nats.url];
  expect(await events(at, '')).toMatchObject({
    code: 1,
    stderr: `ckptree: EPERM: the NATS server at ${nats.url} does not let in anybody without a password, and none was given ('Authorization Violation'); ${advice}\n`,
  });
  expect(await events(at, 'wrong')).toMatchObject({
    code: 1,
    stderr: `ckptree: EPERM: the NATS server at ${nats.url} does not let in the user client with this password ('Authorization Violation'); ${advice}\n`,
  });
  const file = scratch.write('password', 'hunter2\n');
  // It is let in, and finds no cluster there.
  expect((await events([...at, '--nats-password-file', file], '')).stderr).toMatch(/^ckptree: ENOENT: /);
  const inAddress = await events(['--nats', nats.url.replace('//', '//client:hunter2@')], '');
  expect(inAddress).toMatchObject({ code: 1, stderr: expect.stringContaining(advice) });
  expect(inAddress.stderr).not.toContain('hunter2');
});

test('a cluster is not started with a password in its address, which is told to nobody', async () => {
  const url = nats.url.replace('//', '//client:hunter2@');
  const { code, stdout, stderr } = await ckptree(['up', '--nats', url, '--data', scratch.path('data')]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^ckptree: EINVAL: user and password are not taken from the address .*_PASSWORD/);
  expect(stderr).not.toContain('hunter2');
});
