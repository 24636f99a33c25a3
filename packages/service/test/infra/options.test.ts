import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROLES, type Role } from '@ckptree/service';
import { describe, expect, test } from '@jest/globals';
import { filesIn, REPOSITORY, textOf, yamlOf } from '../support/infra.js';
import type { Manifest } from '../support/kubernetes.js';

/** Services that are in this tree, with what each says of its options. */
const services = ROLES.filter((role) => existsSync(join(REPOSITORY, 'services', role, 'package.json'))).map(
  (role) => ({ role, help: helpOf(role) }),
);

function helpOf(role: Role): string {
  const folder = join(REPOSITORY, 'services', role);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
  };
  const program = bin[`ckptree-${role}`];
  if (program === undefined) return '';
  const env = { PATH: process.env.PATH ?? '' };
  return spawnSync(process.execPath, [join(folder, program), '--help'], { env, encoding: 'utf8' }).stdout;
}

/** Flags and variables that a text names. */
const namesIn = (text: string): string[] => [
  ...new Set([...text.matchAll(/(?<![\w-])--[a-z][a-z-]*|\bCKPTREE_[A-Z_]*[A-Z]/g)].map(([name]) => name)),
];

const kubernetes = filesIn('infra/kubernetes/base', '.yaml')
  .filter((file) => !file.endsWith('kustomization.yaml'))
  .flatMap((file) => yamlOf<Manifest>(file));
const [compose] = yamlOf<{ services: Record<string, unknown> }>('compose.yaml');

/** What the files of infra tell a role, as text. */
function toldTo(role: Role): Readonly<Record<string, string>> {
  const unit = filesIn('infra/systemd', '.service').find((file) => file.includes(`-${role}`))!;
  const { command, environment } = compose!.services[role] as { command: string[]; environment: object };
  const manifests = kubernetes.filter(
    ({ kind, metadata }) =>
      metadata.name === role || (kind === 'ConfigMap' && metadata.name === 'ckptree-config'),
  );
  return {
    'compose.yaml': [...command, ...Object.keys(environment)].join(' '),
    systemd: textOf(unit).replaceAll(/^#.*$/gm, ''),
    kubernetes: JSON.stringify(manifests),
  };
}

describe('what infra tells a service', () => {
  test.each(services)('$role: is what it takes', ({ role, help }) => {
    expect(help).toMatch(new RegExp(`^Usage: ckptree ${role} `));
    for (const [where, told] of Object.entries(toldTo(role))) {
      const unknown = namesIn(told).filter((name) => !namesIn(help).includes(name));
      expect([where, unknown]).toEqual([where, []]);
    }
  });
});
