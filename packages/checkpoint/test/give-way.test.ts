import { execFile } from 'node:child_process';
import { constants, getPriority } from 'node:os';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

/** Of a process that does nothing else: this one has threads of other tests, which end when they like. */
async function threadsThatGiveWay(work: string): Promise<number> {
  const script = `
    import { readdirSync } from 'node:fs';
    import { getPriority } from 'node:os';
    import { DumpPool } from '${import.meta.resolve('@ckptree/checkpoint')}';
    import { poolEngine } from '${import.meta.resolve('@ckptree/store')}';

    const shared = () => new Uint8Array(new SharedArrayBuffer(2 ** 21));
        const record = (engine) => engine.record([shared()], shared());
    ${work};
    const usual = getPriority(process.pid);
    const givesWay = (thread) => getPriority(Number(thread)) > usual;
    console.log(readdirSync('/proc/self/task').filter(givesWay).length);
    process.exit();
  `;
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: {}, timeout: 30_000 });
  return Number(stdout);
}

/** What is at the lowest priority already cannot give way any further. */
const isLowest = getPriority() === constants.priority.PRIORITY_LOW;

const engine = (givesWay: boolean): string =>
  `await record(poolEngine(1, ${givesWay})({ codec: 'none', level: 1 }))`;

test.each([
  ['threads that dump give way to tasks', 'await new DumpPool({ threads: 2 }).warmUp()', 2],
  ['threads of a store give way when they are asked to', engine(true), 1],
  ['threads of a store do not give way unless they are asked to', engine(false), 0],
])('%s', async (_, work, threads) => {
  expect(await threadsThatGiveWay(work)).toBe(isLowest ? 0 : threads);
});
