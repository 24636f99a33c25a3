import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostOwners } from '@ckptree/store';
import { afterEach, expect, test } from '@jest/globals';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

interface Proc {
  readonly boot?: string;
  readonly namespace?: string;
  /** Clock ticks since boot at which this process began. */
  readonly start?: number;
}

/** What /proc says of this process where things are so. */
async function procOf({ boot, namespace, start = 70 }: Proc): Promise<string> {
  const proc = await mkdtemp(join(tmpdir(), 'ckptree-proc-'));
  folders.push(proc);
  await mkdir(join(proc, 'sys/kernel/random'), { recursive: true });
  await mkdir(join(proc, 'self/ns'), { recursive: true });
  await mkdir(join(proc, String(process.pid)));
  if (boot !== undefined) await writeFile(join(proc, 'sys/kernel/random/boot_id'), boot);
  if (namespace !== undefined) await symlink(namespace, join(proc, 'self/ns/pid'));
  const behindName = ['S', ...Array(18).fill('0'), start].join(' ');
  await writeFile(join(proc, `${process.pid}/stat`), `${process.pid} (a) b (c) ${behindName}`);
  return proc;
}

const HERE = { boot: 'b1', namespace: 'pid:[1]' };

test.each<[string, Proc, Proc, string]>([
  ['the same', HERE, HERE, 'alive'],
  ['dead, when another has its pid', { ...HERE, start: 60 }, HERE, 'dead'],
  ['foreign, of before the machine was booted', { ...HERE, boot: 'b0' }, HERE, 'foreign'],
  ['foreign, of another pid namespace', { ...HERE, namespace: 'pid:[2]' }, HERE, 'foreign'],
  ['foreign, where no boot is told', { namespace: 'pid:[1]' }, { namespace: 'pid:[1]' }, 'foreign'],
  ['foreign, where no namespace is told', { boot: 'b1' }, { boot: 'b1' }, 'foreign'],
])('a process is %s', async (_, its, ours, state) => {
  const { self } = hostOwners(await procOf(its));
  expect(hostOwners(await procOf(ours)).state(self)).toBe(state);
});

test('this process lives, one of a pid that nobody has does not', () => {
  const { self, state } = hostOwners();
  expect(state(self)).toBe('alive');
  expect(state(self.replace(/\.\d+\./, `.${2 ** 22 + 1}.`))).toBe('dead');
  expect(state('no token')).toBe('foreign');
});
