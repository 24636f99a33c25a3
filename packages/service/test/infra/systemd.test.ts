import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROLES } from '@ckptree/service';
import { describe, expect, test } from '@jest/globals';
import { REPOSITORY, textOf } from '../support/infra.js';

const units = readdirSync(join(REPOSITORY, 'infra/systemd')).filter((name) => name.endsWith('.service'));

/** `Key=value` lines; a key may stand more than once. */
function settingsOf(unit: string): Map<string, string[]> {
  const settings = new Map<string, string[]>();
  for (const line of textOf(`infra/systemd/${unit}`).split('\n')) {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined) settings.set(key, [...(settings.get(key) ?? []), value!]);
  }
  return settings;
}

describe('the units of infra/systemd', () => {
  test('are one for each role', () => {
    expect(units.map((name) => /^ckptree-([a-z]+)@?\.service$/.exec(name)?.[1]).sort()).toEqual(
      [...ROLES].sort(),
    );
  });

  test.each(units)('%s starts its service, restarts it, and gives it time to drain', (unit) => {
    const role = /^ckptree-([a-z]+)/.exec(unit)![1]!;
    const settings = settingsOf(unit);
    expect(settings.get('ExecStart')![0]).toMatch(
      new RegExp(`^/opt/ckptree/node_modules/\\.bin/ckptree-${role}( |$)`),
    );
    expect(settings.get('LoadCredential')).toEqual([`nats-password:/etc/ckptree/${role}.password`]);
    expect(settings.get('Environment')).toEqual(['CKPTREE_NATS_PASSWORD_FILE=%d/nats-password']);
    expect(settings.get('Restart')).toEqual(['always']);
    expect(settings.get('RestartPreventExitStatus')).toEqual(['2']);
    // --shutdown-timeout is 20 s unless it is set.
    expect(Number(settings.get('TimeoutStopSec')![0])).toBeGreaterThan(25);
  });

  test('storage and workers each make the folder of the store, whichever starts first', () => {
    for (const unit of ['ckptree-storage@.service', 'ckptree-worker@.service']) {
      const settings = settingsOf(unit);
      expect([unit, settings.get('StateDirectory')]).toEqual([unit, ['ckptree ckptree/store']]);
      expect([unit, settings.get('StateDirectoryMode')]).toEqual([unit, ['0700']]);
    }
  });

  test.each(units)('%s is what systemd itself takes, where it is there to ask', (unit) => {
    const folder = mkdtempSync(join(tmpdir(), 'ckptree-systemd-'));
    try {
      // systemd looks for the program, too, which is not installed here.
      const text = textOf(`infra/systemd/${unit}`).replace(
        /^ExecStart=\S+/m,
        `ExecStart=${process.execPath}`,
      );
      const path = join(folder, unit);
      writeFileSync(path, text);
      const { error, stdout, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
      const absent = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
      expect(absent ? '' : `${stdout}${stderr}`).toBe('');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
