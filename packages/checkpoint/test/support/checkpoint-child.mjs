// A process of its own that checkpoints one task of 4 MiB into the file that it is told, and prints what came of it.
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { checkpoint } from '@ckptree/checkpoint';

const PAGES = 512;
const [leafFrame, pageFrame] = [0, 1];
const arena = new SharedArrayBuffer(2 * 4096);
new Int32Array(arena).fill((pageFrame << 6) | 0b11, 0, PAGES);
const zeros = [0, 2 * PAGES * 4096];
const mm = {
  ...{
    id: 1,
    users: 1,
    flags: 0n,
    defFlags: 0n,
    auxv: new BigUint64Array(44),
    mapCount: 2,
    outstandingAio: 0,
  },
  layout: Object.fromEntries(
    ['startCode', 'endCode', 'startData', 'endData', 'startBrk', 'brk', 'startStack'].map((name) => [
      name,
      0,
    ]),
  ),
  context: { vdso: 0, ldt: new Uint8Array(0) },
  vmas: zeros.map((start) => ({
    ...{ start, end: start + PAGES * 4096, flags: 3, pageProt: 0n, pgoff: 0, ops: 'none' },
  })),
  memory: { arenas: [arena], leaves: Int32Array.of(0, leafFrame, 2, leafFrame) },
};
Object.assign(mm.layout, { argStart: 0, argEnd: 0, envStart: 0, envEnd: 0 });
const task = {
  ...{ pid: 1, ppid: 0, tgid: 1, pgid: 1, sid: 1, comm: 'one', state: 0, exitState: 0, exitCode: 0 },
  ...{ exitSignal: 17, pdeathSignal: 0, setChildTid: 0n, clearChildTid: 0n, robustList: 0n },
  ...{ registers: new Uint8Array(184), mm },
};
const cut = {
  tree: { rootPid: 1, tasks: [task] },
  timing: { freezeUs: 0, snapshotUs: 0, downtimeUs: 0 },
  thaw: async () => undefined,
  releaseMm: () => undefined,
  release: () => undefined,
};

const output = process.argv[2];
const result = await checkpoint({ cut: async () => cut }, 1, { output, threads: 2 }).then(
  ({ bytes }) => ({ bytes }),
  ({ code, message }) => ({ code, message }),
);
process.stdout.write(JSON.stringify({ ...result, files: readdirSync(dirname(output)) }));
