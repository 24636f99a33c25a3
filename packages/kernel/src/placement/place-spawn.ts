import type { SpawnTree } from '../spec/spawn-tree.js';
import { type PlacingOptions, placementLoad, placeTasks } from './place-tasks.js';

/**
 * A worker for each task of a spec, by pid. Tasks that share an address space cannot be apart; those that share a
 * descriptor table are together unless an explicit placement says otherwise.
 * @throws as placeTasks()
 */
export function placeSpawn({ tasks }: SpawnTree, options: PlacingOptions): Map<number, string> {
  const positions = new Map(tasks.map(({ pid }, index) => [pid, index]));
  const placing = tasks.map(({ pid, ppid, shareMm, shareFiles }) => {
    const parent = positions.get(ppid);
    return {
      pid,
      // How much memory a program will ask for is its own affair.
      load: placementLoad({ tasks: 1, memoryBytes: 0 }),
      ...(shareMm && parent !== undefined && { bound: [parent] }),
      ...(shareFiles && parent !== undefined && { near: [parent] }),
    };
  });
  return placeTasks(placing, options);
}
