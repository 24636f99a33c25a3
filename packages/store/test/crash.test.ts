import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { checkGuarantee } from './support/crash-guarantee.js';
import {
  type Acknowledged,
  type CrashScenario,
  crashScenarios,
  openStore,
} from './support/crash-scenarios.js';
import { type Change, Crash, CrashingFileSystem, InventedOwners } from './support/crashing-file-system.js';
import { scratch } from './support/folder.js';
import { Durability, failPower, TORN } from './support/power-failure.js';

const EVERY_CHANGE = ['create', 'link', 'mkdir', 'sync', 'unlink', 'write'];

/** Runs a scenario up to the n-th change; then the power fails. @returns whether it came so far */
async function crashAtChange(
  scenario: CrashScenario,
  at: number,
  { path, ids, keep }: { path: string; ids: readonly string[]; keep: string },
): Promise<{ crashed: boolean; told: Acknowledged[]; changes: Change[]; invented: InventedOwners }> {
  const invented = new InventedOwners();
  const owners = invented.next();
  const durability = new Durability(keep);
  const changes: Change[] = [];
  const told: Acknowledged[] = [];
  let crashed = false;
  const fileSystem = new CrashingFileSystem(durability, async (change) => {
    if (crashed) throw new Crash('the process is dead');
    if (changes.push(change) !== at) return;
    crashed = true;
    failPower(durability.atRisk, TORN[at % TORN.length]!);
    throw new Crash(`crashed at change ${at} (${change})`);
  });
  try {
    const store = await openStore(path, fileSystem, owners);
    await scenario.run(store, ids, (line) => {
      if (!crashed) told.push(line);
    });
  } catch (error) {
    if (!crashed) throw error;
  }
  owners.die();
  return { crashed, told, changes, invented };
}

describe('the power fails at any change to the file system', () => {
  const covered = new Set<Change>();

  for (const [name, scenario] of Object.entries(crashScenarios))
    test(`${name}: loses nothing that was acknowledged, and the next start cleans up`, async () => {
      const folder = await scratch('/dev/shm');
      const template = join(folder, 'template');
      const images = await scenario.prepare(template);
      for (let at = 1, crashed = true; crashed; at++) {
        const path = join(folder, `run${at}`);
        await mkdir(path);
        await cp(template, path, { recursive: true });
        const run = await crashAtChange(scenario, at, {
          ...{ path, ids: [...images.keys()] },
          keep: join(folder, `kept${at}`),
        });
        crashed = run.crashed;
        for (const change of run.changes) covered.add(change);
        await checkGuarantee(scenario, { path, images, told: run.told }, run.invented.next());
      }
    });

  test('these were all kinds of changes that there are', () => {
    expect([...covered].sort()).toEqual(EVERY_CHANGE);
  });
});
