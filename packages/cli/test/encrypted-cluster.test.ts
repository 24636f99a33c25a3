import { expect, test } from '@jest/globals';
import { ckptree, REPOSITORY, scratchFolder } from './support/ckptree.js';

const scratch = scratchFolder();
const PASSPHRASE = 'correct horse';

test('a cluster whose store is encrypted restarts what is named, for whoever has the secret', async () => {
  const env = { NATS_URL: '', CKPTREE_PASSPHRASE: PASSPHRASE };
  let said = '';
  let end = (): void => undefined;
  let ready: Promise<void> | undefined;
  const ended = ckptree(['up', '--workers', '1', '--memory', '128M', '--data', scratch.path('data')], {
    env,
    meanwhile: (child) => {
      end = () => void child.kill('SIGTERM');
      ready = new Promise((resolve) => {
        child.stdout?.on('data', (text: string) => {
          said += text;
          if (said.includes('Ctrl-C ends it')) resolve();
        });
        child.once('close', () => resolve());
      });
    },
  });
  try {
    await ready;
    const [, url = ''] = /NATS_URL=(\S+)/.exec(said) ?? [];
    const run = (args: string[], passphrase = PASSPHRASE) =>
      ckptree(args, { env: { NATS_URL: url, CKPTREE_PASSPHRASE: passphrase }, cwd: REPOSITORY });
    const done = { code: 0, stderr: '' };
    expect(await run(['spawn', 'examples/cluster/endless.json'])).toMatchObject(done);
    expect(await run(['checkpoint', '1', '--stop', '--name', 'secret'])).toMatchObject({ code: 0 });
    expect(await run(['restart', 'secret'], '')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('EPERM'),
    });
    expect(await run(['restart', 'secret', '--frozen'])).toMatchObject(done);
    expect(await run(['kill', '1'])).toMatchObject({ code: 0 });
    const file = scratch.write('passphrase', `${PASSPHRASE}\n`);
    expect(await run(['restart', 'secret', '--passphrase-file', file], '')).toMatchObject(done);
  } finally {
    end();
    await ended;
  }
});
