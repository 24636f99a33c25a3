import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROLES } from '@ckptree/service';
import { describe, expect, test } from '@jest/globals';
import { REPOSITORY, textOf, yamlOf } from '../support/infra.js';

interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>> | readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
  readonly read_only?: boolean;
  readonly ports?: readonly string[];
  readonly deploy?: { readonly replicas: number };
}

const [compose] = yamlOf<{
  services: Record<string, ComposeService>;
  volumes: Record<string, object>;
}>('compose.yaml');
const { services, volumes } = compose!;

describe('compose.yaml', () => {
  test.each(ROLES)('runs %s by its own command, with what every service has', (role) => {
    const service = services[role]!;
    expect(service.command![0]).toBe(`ckptree-${role}`);
    expect(service.environment).toMatchObject({
      CKPTREE_NATS: 'nats://nats:4222',
      [`CKPTREE_NATS_${role.toUpperCase()}_PASSWORD`]: expect.stringContaining('set it'),
    });
    expect(service).toMatchObject({
      image: 'ckptree:0.1.0',
      read_only: true,
      init: true,
      depends_on: { nats: { condition: 'service_healthy' } },
      stop_grace_period: '30s',
    });
    expect(service.healthcheck!.test.join(' ')).toContain('http://127.0.0.1:9100/readyz');
  });

  test('each knows no password but its own', () => {
    for (const role of ROLES) {
      const variables = Object.keys(services[role]!.environment!);
      const passwords = variables.filter((name) => name.endsWith('_PASSWORD'));
      expect(passwords).toEqual([`CKPTREE_NATS_${role.toUpperCase()}_PASSWORD`]);
    }
  });

  test('has an example for each variable that it takes', () => {
    const taken = [...textOf('compose.yaml').matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name!);
    const examples = [...textOf('infra/docker/env.example').matchAll(/^([A-Z_]+)=/gm)].map(
      ([, name]) => name!,
    );
    expect([...new Set(taken)].sort()).toEqual(examples.sort());
  });

  test('mounts volumes that it declares and files that are there', () => {
    for (const { volumes: mounts = [] } of Object.values(services))
      for (const mount of mounts) {
        const [source] = mount.split(':');
        if (source!.startsWith('.'))
          expect([source, existsSync(join(REPOSITORY, source!))]).toEqual([source, true]);
        else expect(Object.keys(volumes)).toContain(source);
      }
  });

  test('opens its ports to this host only', () => {
    for (const { ports = [] } of Object.values(services))
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  test('gives the shared store to storage and workers', () => {
    for (const role of ['storage', 'worker'])
      expect(services[role]!.volumes).toContain('store:/var/lib/ckptree/store');
  });
});

describe('the Dockerfile', () => {
  test('copies what is there, and runs as nobody special', () => {
    const text = textOf('infra/docker/Dockerfile');
    const copied = [...text.matchAll(/^COPY --from=build .*$/gm)].flatMap(([line]) =>
      [...line.matchAll(/ \/src\/(\S+)/g)].map(([, path]) => path!),
    );
    for (const path of copied) expect([path, existsSync(join(REPOSITORY, path))]).toEqual([path, true]);
    expect(copied).toContain('LICENSE');
    expect(text).toMatch(/^USER node$/m);
    expect(text).toMatch(/CKPTREE_HTTP=9100/);
  });

  test('is built without passwords and without what was made here', () => {
    const ignored = textOf('.dockerignore').split('\n');
    expect(ignored).toEqual(expect.arrayContaining(['.env', 'ckptree-data', '**/node_modules', '**/dist']));
  });
});
