import { join } from 'node:path';
import { runCommand } from '../command.js';
import type { Timing } from '../measure.js';
import type { Measurement, Scenario } from '../scenario.js';
import { exactly } from '../statistics.js';

const LOOKUPS = 20_000;
const PROCESS = new URL('../index-of-chunks/index-process.js', import.meta.url).pathname;

/** What a process takes that works with a store of very many chunks. */
export const indexOfChunks: Scenario = {
  name: 'index',
  summary: 'memory and time with ten million chunks in a store (--chunks)',
  async *measure({ folder, chunks, tell }) {
    const path = join(folder, 'index');
    const measurements: Measurement[] = [];
    const step = async (what: string, name: string, count = 0): Promise<void> => {
      tell(what);
      const { output } = await runCommand([process.execPath, PROCESS, path, name, `${count}`]);
      const { seconds, cpuSeconds, memoryMiB } = JSON.parse(output) as Timing & {
        readonly memoryMiB: number;
      };
      measurements.push(
        {
          what: `${what}: memory`,
          unit: 'MiB',
          figures: exactly(memoryMiB),
          ratio: { value: memoryMiB / 1024, to: '1 GiB', goal: 1 },
        },
        { what: `${what}: time`, unit: 's', figures: exactly(seconds), cpuSeconds: exactly(cpuSeconds) },
      );
    };
    await step('making the packs', 'make', chunks);
    await step('opening without an index, which makes one', 'open');
    await step('opening with an index', 'open');
    await step(`opening, and ${LOOKUPS} lookups, half of them in vain`, 'lookups', LOOKUPS);
    await step('verifying the structure', 'verify');
    await step('gc --dry-run', 'gc');
    yield { heading: `${chunks} chunks`, measurements: measurements.slice(2) };
  },
};
