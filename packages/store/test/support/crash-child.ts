import { writeSync } from 'node:fs';
import { hostOwners } from '@ckptree/store';
import { type Acknowledged, crashScenarios, openStore } from './crash-scenarios.js';
import { type Change, CrashingFileSystem } from './crashing-file-system.js';
import { type AtRisk, Durability } from './power-failure.js';

/**
 * A process of its own that does what a scenario says and kills itself, as kill -9 does, before the n-th call that
 * changes the file system; a write is cut short in the middle. What it says is a line of JSON each.
 *
 * Arguments: store, a folder for names that were taken away, scenario, n (0: never), ids of the store's checkpoints.
 */
export type Line =
  | { readonly told: Acknowledged }
  | { readonly died: Change; readonly atRisk: AtRisk }
  /** How many calls there were of each kind, in all. */
  | { readonly done: readonly Change[]; readonly atRisk: AtRisk };

const [path = '', keep = '', name = '', crashAt, ...ids] = process.argv.slice(2);
// At once: there is no time to wait for a stream.
const say = (line: Line): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const durability = new Durability(keep);
const done: Change[] = [];
const fileSystem = new CrashingFileSystem(durability, async (change, file, bytes) => {
  done.push(change);
  if (done.length !== Number(crashAt)) return;
  if (file !== undefined && bytes !== undefined) await file.write(bytes.subarray(0, bytes.length >> 1));
  say({ died: change, atRisk: durability.atRisk });
  process.kill(process.pid, 'SIGKILL');
  // The signal may take a moment; nothing more is done until then.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
const store = await openStore(path, fileSystem, hostOwners());
await crashScenarios[name]!.run(store, ids, (told) => say({ told }));
await store.close();
say({ done, atRisk: durability.atRisk });
