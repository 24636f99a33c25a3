import { join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { type Owners, realFileSystem } from '@ckptree/store';
import { expect } from '@jest/globals';
import { type Acknowledged, type CrashScenario, imageOf, openStore } from './crash-scenarios.js';
import { exported } from './folder.js';

interface AfterCrash {
  readonly path: string;
  /** What was whole before, by id. */
  readonly images: ReadonlyMap<string, Buffer>;
  readonly told: readonly Acknowledged[];
}

/** What a store promises, whenever and however a process of it died. */
export async function checkGuarantee(
  scenario: CrashScenario,
  { path, images, told }: AfterCrash,
  owners: Owners,
): Promise<void> {
  const store = await openStore(path, realFileSystem, owners);
  await scenario.check?.(store, told, path);
  const wanted = new Map(images);
  for (const line of told)
    if (line.kind === 'committed') wanted.set(line.id, imageOf(line.seed));
    else if (line.kind === 'forgetting') wanted.delete(line.id);

  const { checkpoints, damaged } = await store.list();
  expect(damaged).toEqual([]);
  const listed = new Set(checkpoints.map(({ id }) => id));
  const report = await store.verify({ readData: true });
  expect(report.findings).toEqual([]);
  for (const [id, image] of wanted) {
    expect(listed.has(id)).toBe(true);
    expect((await exported(store, id)).equals(image)).toBe(true);
    expect(report.damaged.map((damage) => damage.id)).not.toContain(id);
  }
  // A checkpoint whose commit was cut short may be there; then all of it is.
  const damagedBefore = scenario.damagedBefore ?? 0;
  expect(report.damaged).toHaveLength(damagedBefore);

  // The store goes on as if nothing had been: it takes checkpoints, and cleans up by itself.
  const session = await store.begin();
  await session.importImage(bytesSource(imageOf(9)));
  const { id: later } = await session.commit();
  expect((await store.gc()).waitingFor).toEqual([]);
  expect((await exported(store, later)).equals(imageOf(9))).toBe(true);
  for (const [id, image] of wanted) expect((await exported(store, id)).equals(image)).toBe(true);
  for (const folder of ['tmp', 'leases', 'condemned'])
    expect(await realFileSystem.readdir(join(path, folder)).catch(() => [])).toEqual([]);
}
