import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from 'nats';
import { checkNatsConfig, Nats, natsEnvironment } from '../support/nats.js';
import { scratchFolder } from '../support/service.js';

const folder = scratchFolder();
const env = natsEnvironment(folder);

describe('the configurations of infra/nats', () => {
  test.each(['nats-server.conf', 'nats-server.dev.conf'])('%s is what nats-server takes', (file) => {
    expect(checkNatsConfig(file, env)).toMatchObject({ ok: true });
  });

  test.each(['CLIENT', 'WORKER', 'STORAGE', 'COORDINATOR'])(
    'without the password of %s the server does not start',
    (role) => {
      const { [`CKPTREE_NATS_${role}_PASSWORD`]: _, ...rest } = env;
      expect(checkNatsConfig('nats-server.conf', rest)).toEqual({
        ok: false,
        output: expect.stringContaining(`CKPTREE_NATS_${role}_PASSWORD`),
      });
    },
  );

  test.each(['pw0123456789abcdef', '"2024-a#b"', '"$2a$11$abcdefghijklmnopqrstuv"'])(
    'a password is written as the comment there says: %s',
    (password) => {
      const written = { ...env, CKPTREE_NATS_CLIENT_PASSWORD: password };
      expect(checkNatsConfig('nats-server.conf', written)).toMatchObject({ ok: true });
    },
  );
});

describe('nats-server.tls.conf', () => {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
  };

  /** A certificate of the authority `issuer`, for this machine; without one, an authority. */
  function certify(name: string, issuer?: string): void {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
    const subject = ['-subj', `/CN=${name}`, '-days', '2', '-out', `${name}.pem`];
    const kind =
      issuer === undefined
        ? ['-addext', 'basicConstraints=critical,CA:TRUE']
        : [
            '-CA',
            `${issuer}.pem`,
            '-CAkey',
            `${issuer}.key`,
            '-addext',
            'subjectAltName=IP:127.0.0.1,DNS:localhost',
          ];
    openssl('req', '-x509', ...key, ...subject, ...kind);
  }

  let nats: Nats;
  beforeAll(async () => {
    certify('ca');
    certify('server', 'ca');
    certify('client', 'ca');
    certify('stranger');
    nats = await Nats.start('nats-server.tls.conf', {
      CKPTREE_NATS_CERT: file('server.pem'),
      CKPTREE_NATS_KEY: file('server.key'),
      CKPTREE_NATS_CA: file('ca.pem'),
    });
  });
  afterAll(() => nats?.stop());

  const tls = (who: string) => ({
    ca: readFileSync(file('ca.pem'), 'utf8'),
    cert: readFileSync(file(`${who}.pem`), 'utf8'),
    key: readFileSync(file(`${who}.key`), 'utf8'),
  });

  test('lets in who has a certificate of the authority and the password of a role', async () => {
    const connection = await nats.connect('worker', { tls: tls('client') });
    await connection.flush();
    expect(connection.info?.tls_required).toBe(true);
  });

  test('lets nobody else in', async () => {
    await expect(nats.connect('worker', { tls: tls('client'), pass: 'wrong' })).rejects.toThrow();
    await expect(nats.connect('worker', { tls: tls('stranger'), reconnect: false })).rejects.toThrow();
    await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow();
  });
});
