import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, test } from '@jest/globals';
import { Descriptors } from '../dist/files/descriptors.js';
import { O, OpenFiles } from '../dist/files/open-files.js';

const folder = mkdtempSync(join(tmpdir(), 'ckptree-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function fileWith(content: string): string {
  const path = join(folder, `file-${count++}`);
  writeFileSync(path, content);
  return path;
}

const openDescriptors = () => readdirSync('/proc/self/fd').length;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe('open files', () => {
  test('share one position between all who hold them', () => {
    const files = OpenFiles.create(10);
    const other = new OpenFiles(files.handle);
    const file = files.open(fileWith('abcdef'), O.RDONLY);
    const into = new Uint8Array(3);
    expect(files.read(file, into)).toBe(3);
    expect(other.read(file, into)).toBe(3);
    expect(text(into)).toBe('def');
    expect(other.read(file, into)).toBe(0);
    expect(files.state(file.id)).toEqual({ refs: 1, pos: 6, absent: false });
    files.drop(file);
  });

  test('close with the last reference, and their place is used again', () => {
    const files = OpenFiles.create(1);
    const before = openDescriptors();
    const first = files.open(fileWith('x'), O.RDONLY);
    files.grab(first);
    expect(() => files.open(fileWith('y'), O.RDONLY)).toThrow(expect.objectContaining({ code: 'EMFILE' }));
    files.drop(first);
    expect(openDescriptors()).toBe(before + 1);
    files.drop(first);
    expect(openDescriptors()).toBe(before);
    expect(files.open(fileWith('y'), O.RDONLY).id).toBe(first.id);
  });

  test('append at the end wherever the position was, and write elsewhere at the position', () => {
    const files = OpenFiles.create(10);
    const path = fileWith('0123456789');
    const appending = files.open(path, O.WRONLY | O.APPEND);
    files.write(appending, Buffer.from('ab'));
    const writing = files.open(path, O.RDWR, 4);
    files.write(writing, Buffer.from('__'));
    expect(readFileSync(path, 'utf8')).toBe('0123__6789ab');
    expect(files.state(writing.id).pos).toBe(6);
  });

  test('append behind each other, also where each cpu has opened the same file for itself', async () => {
    const path = fileWith('');
    const STEPS = 500;
    const lines = ['first\n', 'other\n'];
    const shared = {
      handle: OpenFiles.create(10).handle,
      path,
      gates: new SharedArrayBuffer(STEPS * Int32Array.BYTES_PER_ELEMENT),
      parties: lines.length,
    };
    const url = new URL('./append-race.worker.mjs', import.meta.url);
    await Promise.all(
      lines.map((line) => once(new Worker(url, { workerData: { ...shared, line } }), 'message')),
    );
    const written = readFileSync(path, 'utf8').split('\n');
    for (const line of lines) expect(written.filter((one) => `${one}\n` === line)).toHaveLength(STEPS);
  });

  test('keep flags of an image that mean nothing here, and leave the host out of it', () => {
    const files = OpenFiles.create(1);
    // O_DIRECTORY, O_DIRECT, O_NOATIME, O_PATH, and one that Linux does not have.
    const flags = 0o200000 + 0o40000 + 0o1000000 + 0o10000000 + 2 ** 31;
    const file = files.open(fileWith('abc'), flags);
    expect(file.flags).toBe(flags);
    const into = new Uint8Array(3);
    expect(files.read(file, into)).toBe(3);
    expect(text(into)).toBe('abc');
    files.drop(file);
  });

  test('refuse what their mode forbids, folders, devices and pipes', () => {
    const files = OpenFiles.create(10);
    const file = files.open(fileWith('x'), O.RDONLY);
    expect(() => files.write(file, Buffer.from('y'))).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => files.open(folder, O.RDONLY)).toThrow(expect.objectContaining({ code: 'ENOSYS' }));
    expect(() => files.open('/dev/null', O.RDONLY)).toThrow(expect.objectContaining({ code: 'ENOSYS' }));
    expect(() => files.seek(file, -1)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test('fill a page with zeros behind the end, and refuse one that lies wholly behind it', () => {
    const files = OpenFiles.create(10);
    const file = files.open(fileWith('x'.repeat(5000)), O.RDONLY);
    const page = new Uint8Array(4096).fill(9);
    files.readPage(file, 1, page);
    expect(text(page.subarray(0, 904))).toBe('x'.repeat(904));
    expect(page.subarray(904).every((byte) => byte === 0)).toBe(true);
    expect(() => files.readPage(file, 2, page)).toThrow(expect.objectContaining({ code: 'EFAULT' }));
  });

  test('that are known by name only can be mapped but not read', () => {
    const files = OpenFiles.create(10);
    const file = files.openAbsent('/no/such/library.so', O.RDONLY);
    expect(() => files.readPage(file, 0, new Uint8Array(4096))).toThrow(
      expect.objectContaining({ code: 'EFAULT' }),
    );
    expect(files.state(file.id).absent).toBe(true);
  });

  test('are copied as of an instant', () => {
    const files = OpenFiles.create(10);
    const file = files.open(fileWith('abc'), O.RDONLY);
    const then = new OpenFiles(files.copy());
    files.read(file, new Uint8Array(2));
    expect([then.state(file.id).pos, files.state(file.id).pos]).toEqual([0, 2]);
  });
});

describe('a descriptor table', () => {
  test('gives the lowest free number and drops the file when it closes', () => {
    const files = OpenFiles.create(10);
    const table = new Descriptors(1, files);
    const open = () => table.install(files.open(fileWith('x'), O.RDONLY));
    expect([open(), open(), open()]).toEqual([0, 1, 2]);
    table.close(1);
    expect(open()).toBe(1);
    expect(() => table.close(7)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  test('keeps an old list as it was: a cut may still look at it', () => {
    const files = OpenFiles.create(10);
    const table = new Descriptors(1, files);
    table.install(files.open(fileWith('x'), O.RDONLY));
    const seen = table.list;
    table.close(0);
    expect(seen).toHaveLength(1);
    expect(table.list).toHaveLength(0);
  });

  test('closes at exec what is marked so, and nothing else', () => {
    const files = OpenFiles.create(10);
    const table = new Descriptors(1, files);
    for (let fd = 0; fd < 3; fd++) table.install(files.open(fileWith('x'), O.RDONLY));
    table.setCloseOnExec(0, true);
    table.setCloseOnExec(2, true);
    table.setCloseOnExec(2, false);
    table.closeOnExec();
    expect(table.list.map(({ fd }) => fd)).toEqual([1, 2]);
    expect(() => table.setCloseOnExec(0, true)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  test('shares its files with the table of a child', () => {
    const files = OpenFiles.create(10);
    const before = openDescriptors();
    const table = new Descriptors(1, files);
    table.install(files.open(fileWith('x'), O.RDONLY));
    const child = table.fork(2);
    expect(files.state(table.list[0]!.file.id).refs).toBe(2);
    table.drop();
    expect(openDescriptors()).toBe(before + 1);
    child.drop();
    expect(openDescriptors()).toBe(before);
  });
});
