import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROGRAMS, type RegisterName, Registers } from '@ckptree/kernel';
import { CPU_REGISTERS } from '@ckptree/model';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MachineRoom } from './support/machine-room.js';

let folder: string;
let room: MachineRoom;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ckptree-hostile-'));
  room = new MachineRoom(folder);
});

afterAll(async () => {
  await room.kernel.shutdown();
  rmSync(folder, { recursive: true });
});

const here = fileURLToPath(import.meta.url);
/** What programs need to be told. */
const params: Readonly<Record<string, object>> = {
  aio: { path: here },
  wordcount: { path: here },
  logwriter: { input: here, output: 'copy' },
  shell: { commands: [{ program: 'idle' }] },
};

const numbers = fc.oneof(
  fc.constantFrom(0, 1, 2, 4096, 2 ** 31, 2 ** 32, 2 ** 47, Number.MAX_SAFE_INTEGER),
  fc.nat(64),
  fc.maxSafeNat(),
);
/** Registers of a task: one of the first states, and anything else, or what was there. */
const changes = fc.record({
  ip: fc.nat(7),
  values: fc.dictionary(fc.constantFrom(...CPU_REGISTERS), numbers, { maxKeys: 6 }),
});

test.each([...PROGRAMS.keys()])(
  'registers that somebody made up do not hang a cpu or kill it: %s',
  async (program) => {
    await fc.assert(
      fc.asyncProperty(changes, async ({ ip, values }) => {
        await room.runWithRegisters({ program, params: params[program] ?? {} }, (before) => {
          const registers = new Registers(before);
          for (const [name, value] of Object.entries(values)) registers.set(name as RegisterName, value);
          registers.set('ip', ip);
          return registers.bytes;
        });
        expect(room.kernel.ps()).toEqual([]);
      }),
      { numRuns: 15 },
    );
  },
);

test.each(['null', '{"program": 1}', '# no JSON'])(
  'a child of a shell in whose memory its command has become %s ends by an error that says so',
  async (text) => {
    const exits = await room.runWithMemory({ program: 'shell', params: params.shell }, (page) => {
      const bytes = Buffer.from(page.buffer, page.byteOffset, page.length);
      const start = bytes.indexOf('{"program":"idle"');
      if (start >= 0) bytes.write(text.padEnd(bytes.indexOf(0, start) - start), start);
    });
    expect(exits).toMatchObject([{ pid: 1 }, { pid: 2, error: { code: 'EINVAL' } }]);
  },
);
