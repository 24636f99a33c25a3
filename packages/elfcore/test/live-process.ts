import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readCore, writeCore } from '@ckptree/elfcore';
import { PAGE_SIZE } from '@ckptree/model';
import { afterAll, describe, expect, test } from '@jest/globals';
import { BytesSink, bytesSource, pagesOf } from './bytes.js';
import { gdb, onPath, run } from './tools.js';

const scratch = mkdtempSync(join(tmpdir(), 'ckptree-elfcore-live-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A process that stands still, and its core by gdb; undefined where gdb is missing or may not attach. */
async function stoppedProcess() {
  if (!onPath('gdb')) return undefined;
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const pid = child.pid!;
  afterAll(() => void child.kill('SIGKILL'));
  await untilState(pid, 'S');
  child.kill('SIGSTOP');
  await untilState(pid, 'T');
  const core = join(scratch, 'sleep.core');
  const { stdout, status } = run('gdb', ['-nx', '-batch', '-p', `${pid}`, '-ex', `gcore ${core}`]);
  return status === 0 && stdout.includes('Saved corefile') ? { pid, core } : undefined;
}

/** Until the process has finished starting (it sleeps, in its own program) or has stopped. */
async function untilState(pid: number, state: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const [, comm, found] = readFileSync(`/proc/${pid}/stat`, 'latin1').match(/\((.*)\) (\S)/) ?? [];
    if (comm === 'sleep' && found === state) return;
    await delay(10);
  }
  throw new Error(`process ${pid} did not get into state ${state}`);
}

/** Defines the tests of a process that runs here and now, where gdb may attach to one. */
export async function testLiveProcess(): Promise<void> {
  const live = await stoppedProcess();
  if (live === undefined) return;
  describe('the core of a real process', () => {
    const bytes = readFileSync(live.core);

    test('has every page as it is in the process', async () => {
      const { tasks } = await readCore(bytesSource(bytes));
      const mem = openSync(`/proc/${live.pid}/mem`, 'r');
      try {
        let compared = 0;
        for await (const [address, contents] of pagesOf(tasks[0]!.mm!.memory, bytesSource(bytes))) {
          const page = Buffer.alloc(PAGE_SIZE);
          readSync(mem, page, 0, PAGE_SIZE, address);
          expect([address, Buffer.compare(page, contents)]).toEqual([address, 0]);
          compared++;
        }
        expect(compared).toBeGreaterThan(10);
      } finally {
        closeSync(mem);
      }
    });

    test('has the vmas of the process', async () => {
      const { tasks } = await readCore(bytesSource(bytes));
      const { vmas, layout } = tasks[0]!.mm!;
      const lines = readFileSync(`/proc/${live.pid}/maps`, 'utf8').trim().split('\n');
      const maps = lines.map((line) => {
        const [, start, end, offset, path] = line.match(/^(\w+)-(\w+) \S+ (\w+) \S+ \d+ *(.*)$/)!;
        return {
          start: parseInt(start!, 16),
          end: parseInt(end!, 16),
          offset: parseInt(offset!, 16),
          path: path!,
        };
      });
      for (const vma of vmas) {
        const line = maps.find(({ start }) => start === vma.start);
        expect(line).toMatchObject({ start: vma.start, end: vma.end });
        if (vma.ops === 'file')
          expect([line!.path, line!.offset]).toEqual([vma.file!.path, vma.pgoff * PAGE_SIZE]);
      }
      const missing = maps.filter(({ start }) => !vmas.some((vma) => vma.start === start));
      expect(missing.filter(({ path }) => !/^\[v(var|sys)/.test(path))).toEqual([]);
      const heap = maps.find(({ path }) => path === '[heap]')!;
      expect([layout.startBrk, layout.brk]).toEqual([heap.start, heap.end]);
      expect(layout.startStack).toBe(maps.find(({ path }) => path === '[stack]')!.end);
    });

    test('is the same to gdb after we have read and written it', async () => {
      const sink = new BytesSink();
      const tree = await readCore(bytesSource(bytes));
      await writeCore(tree, live.pid, bytesSource(bytes), sink);
      const again = join(scratch, 'again.core');
      writeFileSync(again, sink.bytes);
      const questions = [
        'info registers rip rsp fs_base',
        'x/4i $pc',
        'x/16gx $sp',
        'info sharedlibrary',
        'bt',
      ];
      const [before, after] = [live.core, again].map((core) => gdb(core, ...questions).stdout);
      const fromRegisters = (text: string) => text.slice(text.indexOf('\nrip '));
      expect(fromRegisters(after!)).toBe(fromRegisters(before!));
      expect(after).toMatch(/#0 .* from .*libc/);
    });
  });
}
