import {
  EXIT_ZOMBIE,
  type FileTable,
  type Mm,
  type OpenFile,
  type StoredPages,
  type Task,
} from '@ckptree/model';
import { describePlacement, partOfImage, placeImage } from '@ckptree/restart';
import { describe, expect, test } from '@jest/globals';

type ImageTask = Task<StoredPages>;

const WORKERS = ['a', 'b', 'c'].map((id) => ({ id, load: 0 }));

const file = (id: number, path = `/data/${id}`): OpenFile => ({
  id,
  users: 1,
  path,
  mode: 1,
  flags: 0,
  pos: 0,
  version: 1n,
});

const table = (id: number, ...files: OpenFile[]): FileTable => ({
  id,
  users: 1,
  descriptors: files.map((each, fd) => ({ fd, closeOnExec: false, file: each })),
});

const space = (id: number, program: string, pages = 0): Mm<StoredPages> => ({
  id,
  users: 1,
  layout: {} as Mm['layout'],
  flags: 0n,
  defFlags: 0n,
  auxv: new BigUint64Array(44),
  context: { vdso: 0, ldt: new Uint8Array(0) },
  exe: file(1000 + id, `/ckptree/bin/${program}`),
  mapCount: 0,
  vmas: [],
  outstandingAio: 0,
  memory: { runs: Float64Array.of(0x1000, 0, pages) },
});

const task = (
  pid: number,
  over: { -readonly [Key in keyof ImageTask]?: ImageTask[Key] } = {},
): ImageTask => ({
  pid,
  ppid: pid === 1 ? 0 : 1,
  tgid: pid,
  pgid: 1,
  sid: 1,
  comm: 'x',
  state: 0,
  exitState: 0,
  exitCode: 0,
  exitSignal: 17,
  pdeathSignal: 0,
  setChildTid: 0n,
  clearChildTid: 0n,
  robustList: 0n,
  registers: new Uint8Array(184),
  mm: space(pid, 'idle'),
  files: table(pid),
  ...over,
});

const zombie = (pid: number, ppid = 1): ImageTask => {
  const {
    mm: _mm,
    files: _files,
    registers: _registers,
    ...rest
  } = task(pid, { ppid, exitState: EXIT_ZOMBIE });
  return rest;
};

const tree = (...tasks: ImageTask[]) => ({ rootPid: tasks[0]!.pid, tasks });

/** The worker of each task by pid. */
function placedOn(of: ReturnType<typeof tree>, placement?: Readonly<Record<number, string>>) {
  const wanted = placement && new Map(Object.entries(placement).map(([pid, id]) => [Number(pid), id]));
  const placed = placeImage(of, { workers: WORKERS, ...(wanted && { placement: wanted }) });
  const { parts } = describePlacement(of, placed, 't-x');
  return Object.fromEntries(
    parts.flatMap(({ worker }) =>
      partOfImage(of, { treeId: 't-x', worker, placement: placed }).tasks.map(({ pid }) => [pid, worker]),
    ),
  );
}

describe('the tasks of an image', () => {
  test('are spread over all workers, with their memory counted', () => {
    const of = tree(...[1, 2, 3, 4, 5, 6].map((pid) => task(pid)));
    expect(placedOn(of)).toEqual({ 1: 'a', 2: 'a', 3: 'b', 4: 'b', 5: 'c', 6: 'c' });
    const large = tree(task(1, { mm: space(1, 'idle', 4096) }), ...[2, 3, 4, 5].map((pid) => task(pid)));
    expect(placedOn(large)).toEqual({ 1: 'a', 2: 'b', 3: 'b', 4: 'c', 5: 'c' });
  });

  test('stay together when they share memory, a thread group or a table, and zombies with their parents', () => {
    const shared = space(9, 'idle');
    const common = table(9);
    const of = tree(
      task(1),
      task(2, { mm: shared }),
      task(3, { mm: shared, tgid: 2, exitSignal: -1 }),
      zombie(4, 2),
      task(5, { files: common }),
      task(6, { files: common }),
      zombie(7, 5),
    );
    const placed = placedOn(of);
    expect(new Set([2, 3, 4].map((pid) => placed[pid])).size).toBe(1);
    expect(new Set([5, 6, 7].map((pid) => placed[pid])).size).toBe(1);
    expect(new Set(Object.values(placed)).size).toBeGreaterThan(1);
  });

  test('stay with a parent whose program waits for its children', () => {
    const of = tree(
      task(1),
      task(2, { mm: space(2, 'forktree') }),
      task(3, { ppid: 2, mm: space(3, 'forktree') }),
      task(4, { ppid: 3, mm: space(4, 'sieve') }),
      task(5),
      task(6),
    );
    const placed = placedOn(of);
    expect(new Set([2, 3, 4].map((pid) => placed[pid])).size).toBe(1);
  });

  test('go where somebody wants them, but for what cannot be apart', () => {
    const shared = space(9, 'idle');
    const common = table(9);
    const of = tree(task(1, { mm: shared }), task(2, { mm: shared }), task(3, { files: common }), task(4, { files: common }), zombie(5)); // biome-ignore format: one tree
    expect(placedOn(of, { 1: 'b', 3: 'a', 4: 'c', 5: 'a' })).toEqual({
      1: 'b',
      2: 'b',
      3: 'a',
      4: 'c',
      5: 'b',
    });
    expect(() => placedOn(of, { 1: 'a', 2: 'b' })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => placedOn(of, { 8: 'a' })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => placedOn(of, { 1: 'z' })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

describe('a part of an image', () => {
  const log = file(2);
  const own = file(3);
  const common = table(1, log);
  const of = tree(
    task(1, { files: common }),
    task(2, { files: common, mm: { ...space(2, 'idle'), exe: log } }),
    task(3, { files: table(3, own, log) }),
    zombie(4, 3),
  );
  const placement = { workers: ['a', 'b'], runs: [0, 1, 1, 1, 0, 2] };
  const part = (worker: string) => partOfImage(of, { treeId: 't-x', worker, placement });

  test('has keys on what others have, too, and the same objects where it had the same', () => {
    const [first, third, dead] = part('a').tasks;
    expect([first!.pid, third!.pid, dead!.pid]).toEqual([1, 3, 4]);
    expect([first!.files!.key, first!.files!.descriptors[0]!.file.key]).toEqual(['t-x:d1', 't-x:f2']);
    expect(third!.files!.key).toBeUndefined();
    expect(third!.files!.descriptors[0]!.file).toBe(own);
    expect(third!.files!.descriptors[1]!.file).toBe(first!.files!.descriptors[0]!.file);
    expect(third!.mm).toBe(of.tasks[2]!.mm);
    const [second] = part('b').tasks;
    expect([second!.files!.key, second!.mm!.exe!.key]).toEqual(['t-x:d1', 't-x:f2']);
    expect(part('b').rootPid).toBe(1);
  });

  test('is told of beforehand: who hosts what, below whom, and which keys there will be', () => {
    expect(describePlacement(of, placement, 't-x')).toEqual({
      parts: [
        { worker: 'a', tasks: 3, roots: [{ pid: 1, ppid: 0 }] },
        { worker: 'b', tasks: 1, roots: [{ pid: 2, ppid: 1 }] },
      ],
      keys: [
        { key: 't-x:d1', workers: ['a', 'b'] },
        { key: 't-x:f2', workers: ['a', 'b'] },
      ],
    });
  });

  test('is refused for a placement of another tree, one that parts shared memory, or a worker that gets nothing', () => {
    const with_ =
      (runs: number[], workers = ['a', 'b']) =>
      () =>
        partOfImage(of, { treeId: 't-x', worker: 'a', placement: { workers, runs } });
    for (const runs of [[0, 3], [0, 5], [0, 2 ** 31 - 1], [7, 4], [0]]) // biome-ignore format: a list
      expect(with_(runs)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => part('c')).toThrow(expect.objectContaining({ code: 'ESRCH' }));
    const shared = space(9, 'idle');
    const sharing = tree(task(1, { mm: shared }), task(2, { mm: shared }));
    const apart = { treeId: 't-x', worker: 'a', placement: { workers: ['a', 'b'], runs: [0, 1, 1, 1] } };
    expect(() => partOfImage(sharing, apart)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});
