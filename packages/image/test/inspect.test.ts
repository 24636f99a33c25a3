import { readFileSync } from 'node:fs';
import {
  bytesSource,
  DIFF_SCHEMA,
  formatInspect,
  INSPECT_SCHEMA,
  inspectImage,
  inspectLines,
  readTree,
  VERIFY_SCHEMA,
  verifyImage,
} from '@ckptree/image';
import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { DAMAGED } from './support/damaged.js';
import { GOOD } from './support/good.js';
import { family, HEAD, single, task, zombie } from './support/trees.js';
import { writeImage } from './support/write-image.js';

const inspect = async (image: Uint8Array, options = {}) =>
  inspectImage(await readTree(bytesSource(image)), options);

describe('the published schemas', () => {
  test.each([
    ['inspect', INSPECT_SCHEMA],
    ['verify', VERIFY_SCHEMA],
    ['diff', DIFF_SCHEMA],
  ])('%s.schema.json is that of the code (npm run write-schemas)', (name, schema) => {
    const published = new URL(`../schemas/${name}.schema.json`, import.meta.url);
    expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(JSON.parse(JSON.stringify(schema)));
  });

  test.each(Object.keys(GOOD))('hold for what inspect says of %s', async (name) => {
    const isValid = new Ajv2020({ strict: true }).compile(INSPECT_SCHEMA);
    for (const pages of [false, true]) {
      const report = JSON.parse(JSON.stringify(await inspect(GOOD[name]!(), { pages })));
      expect(isValid(report) || isValid.errors).toBe(true);
    }
  });

  test('hold for what verify says of every damaged image', async () => {
    const isValid = new Ajv2020({ strict: true }).compile(VERIFY_SCHEMA);
    for (const make of Object.values(DAMAGED)) {
      const report = JSON.parse(JSON.stringify(await verifyImage(bytesSource(make()))));
      expect(isValid(report) || isValid.errors).toBe(true);
    }
  });
});

describe('the report as text', () => {
  const image = writeImage(HEAD, family());

  test('comes line by line where it is more than one string can hold', async () => {
    const report = await inspect(image);
    const [known] = report.fileTables;
    const path = `/${'x'.repeat(4094)}`;
    const descriptors = Array.from({ length: 150_000 }, (_, fd) => ({ fd, file: 1, closeOnExec: false }));
    const long = {
      ...report,
      files: [{ ...report.files[0]!, objref: 1, path }],
      fileTables: [{ ...known!, descriptors }],
    };
    let characters = 0;
    for (const line of inspectLines(long)) characters += line.length;
    expect(characters).toBeGreaterThan(150_000 * path.length);
    // Joined it would be longer than a string can be: 2^29 - 24 characters.
    expect(characters).toBeGreaterThan(2 ** 29);
  });

  test('is the tree, the address spaces and the files', async () => {
    const text = formatInspect(await inspect(image));
    expect(text).toContain(
      `
TASK           STATE          GROUP         MM  FILES  IP
10 leader      running                      #4  #1     0x91908f8e8d8c8b8a
├─11 thread    interruptible  thread of 10  #4  #1     0x9291908f8e8d8c8b
└─12 child     running                      #7  #1     0x939291908f8e8d8c
  └─13 task13  zombie                       -   -
`,
    );
    expect(text).toContain('4 tasks (1 zombie), 2 address spaces with 6 vmas and 6 pages (24 KiB)');
    expect(text).toContain('#3        2   0x3  0102002      4711                 0x0  /var/log/family.log');
    expect(text).toContain(' 7  #3    close on exec  /var/log/family.log');
    expect(text).not.toContain('RANGE');
    expect(text).not.toContain('PGID');
  });

  test('has the pids, the maps and the places of pages where they are asked for', async () => {
    const report = await inspect(image, { pages: true });
    expect(formatInspect(report, { pids: true })).toMatch(/ 12 +10 +12 +10 +10 +0 +17 +9\n/);
    const maps = formatInspect(report, { maps: true });
    expect(maps).toMatch(/0x600000-0x604000 +4 +1 +\/srv\/données.bin at page 0 +READ\|WRITE/);
    expect(maps).not.toContain('of the image\n');
    expect(formatInspect(report, { pages: true })).toMatch(
      /\n {2}0x10000000 +2 +at byte 6194 of the image\n/,
    );
  });

  test('shows control characters, and does not send them to the terminal', async () => {
    const [leader] = single();
    const text = formatInspect(await inspect(writeImage(HEAD, [{ ...leader!, comm: '\u001b[2Jgone\r' }])));
    expect(text).toContain('10 \\x1b[2Jgone\\x0d');
  });

  test('draws a chain of tasks that is deeper than any stack', async () => {
    const chain = Array.from({ length: 5000 }, (_, index) => zombie(10 + index, 9 + index));
    const text = formatInspect(await inspect(writeImage(HEAD, [task(9), ...chain])));
    expect(text).toMatch(/└─10 task10/);
    expect(text).toContain('[5000] 5009 task5009');
    expect(text.length).toBeLessThan(1_000_000);
  });

  test('says so when a date is none', async () => {
    const report = await inspect(writeImage({ ...HEAD, time: 2n ** 64n - 1n }, single()));
    expect(report.head.taken).toBeUndefined();
    expect(formatInspect(report)).toContain('taken   at second 18446744073709551615');
  });
});

test('README: what an image holds', async () => {
  const source = bytesSource(writeImage(HEAD, family()));
  const report = await verifyImage(source);
  expect(report.ok).toBe(true);
  const contents = await readTree(source);
  expect(contents.tree.tasks.map(({ pid, comm }) => `${pid} ${comm}`)).toEqual([
    '10 leader',
    '11 thread',
    '12 child',
    '13 task13',
  ]);
  expect(formatInspect(inspectImage(contents), { maps: true })).toContain('10 leader');
});
