import { isCkptError } from '@ckptree/errors';
import { parseSpec } from '@ckptree/kernel';
import { describe, expect, test } from '@jest/globals';

interface Refusal {
  readonly name: string;
  readonly spec: unknown;
  readonly code: string;
  readonly field?: string;
  readonly says: RegExp;
}

const idle = { program: 'idle' };
const files = [{ name: 'prose', path: 'prose.txt' }];
const nested = (levels: number): string => `${'{"root":'.repeat(levels)}1${'}'.repeat(levels)}`;

// biome-ignore format: a table, one refusal a line
const refusals: readonly Refusal[] = [
  { name: 'text that is not JSON', spec: '{ "root": }', code: 'EINVAL', says: /not JSON: Unexpected token '}'/ },
  { name: 'text that ends early', spec: '{ "root": {', code: 'EINVAL', says: /not JSON/ },
  { name: 'a property without quotes', spec: '{\n  root: {} }', code: 'EINVAL', says: /not JSON: .*\(line 2, column 3\)/ },
  { name: 'text over 64 MiB', spec: ' '.repeat(64 * 2 ** 20 + 1), code: 'E2BIG', says: /larger than 64 MiB/ },
  { name: 'nesting that would overflow a stack', spec: nested(100_000), code: 'E2BIG', says: /512 levels deep/ },
  { name: 'more values than memory should hold', spec: `[${'[],'.repeat(12_000_000)}[]]`, code: 'E2BIG', says: /12000000 values/ },
  { name: 'a list', spec: [], code: 'EINVAL', field: '', says: /the document must be object/ },
  { name: 'nothing', spec: undefined, code: 'EINVAL', field: '', says: /the document must be object/ },
  { name: 'no root', spec: {}, code: 'EINVAL', field: '/root', says: /\/root is missing/ },
  { name: 'an unknown property', spec: { root: idle, colour: 1 }, code: 'EINVAL', field: '/colour', says: /\/colour is not known here/ },
  { name: 'an unknown property of a task', spec: { root: { ...idle, childs: [] } }, code: 'EINVAL', field: '/root/childs', says: /not known here/ },
  { name: 'a task without a program', spec: { root: { children: [] } }, code: 'EINVAL', field: '/root/program', says: /\/root\/program is missing/ },
  { name: 'too many cpus', spec: { cpus: 65, root: idle }, code: 'EINVAL', field: '/cpus', says: /\/cpus must be <= 64/ },
  { name: 'no memory', spec: { memoryMiB: 0, root: idle }, code: 'EINVAL', field: '/memoryMiB', says: /must be >= 1/ },
  { name: 'pid 0', spec: { root: { ...idle, pid: 0 } }, code: 'EINVAL', field: '/root/pid', says: /must be >= 1/ },
  { name: 'a name of sixteen bytes', spec: { root: { ...idle, comm: 'sixteen bytes ok' } }, code: 'EINVAL', field: '/root/comm', says: /must match pattern/ },
  { name: 'an unknown program', spec: { root: { program: 'ls' } }, code: 'ENOENT', field: '/root/program', says: /no program is called "ls"; there are aio, .*zombies/ },
  { name: 'a program named after something that objects inherit', spec: { root: { program: 'constructor' } }, code: 'ENOENT', field: '/root/program', says: /no program/ },
  { name: 'a parameter of the wrong type', spec: { root: { program: 'sieve', params: { limit: '9' } } }, code: 'EINVAL', field: '/root/params/limit', says: /parameters of sieve: \/root\/params\/limit must be integer/ },
  { name: 'a parameter out of bounds', spec: { root: { program: 'sieve', params: { limit: 1 } } }, code: 'EINVAL', field: '/root/params/limit', says: /must be >= 2/ },
  { name: 'an unknown parameter', spec: { root: { program: 'sieve', params: { limits: 5 } } }, code: 'EINVAL', field: '/root/params/limits', says: /not known here/ },
  { name: 'a missing parameter', spec: { root: { program: 'wordcount' } }, code: 'EINVAL', field: '/root/params/path', says: /is missing/ },
  { name: 'a path with a NUL', spec: { root: { program: 'wordcount', params: { path: 'a\0b' } } }, code: 'EINVAL', field: '/root/params/path', says: /must match pattern/ },
  { name: 'parameters that do not go together', spec: { root: { program: 'threads', params: { file: 'a', fd: 3 } } }, code: 'EINVAL', field: '/root/params', says: /file and fd exclude each other/ },
  { name: 'a fork tree that is too large', spec: { root: { program: 'forktree', params: { depth: 16, fanout: 1000 } } }, code: 'EINVAL', field: '/root/params', says: /too large; at most 100000/ },
  { name: 'an unknown program that a shell would execute', spec: { root: { program: 'shell', params: { commands: [idle, { program: 'ls' }] } } }, code: 'ENOENT', field: '/root/params/commands/1/program', says: /no program is called "ls"/ },
  { name: 'a wrong parameter of what a shell would execute', spec: { root: { program: 'shell', params: { commands: [{ program: 'sieve', params: { limit: 0 } }] } } }, code: 'EINVAL', field: '/root/params/commands/0/params/limit', says: /must be >= 2/ },
  { name: 'a repeated root', spec: { root: { ...idle, repeat: 2 } }, code: 'EINVAL', field: '/root/repeat', says: /one root/ },
  { name: 'a pid that two tasks have', spec: { root: { ...idle, children: [idle, { ...idle, pid: 2 }] } }, code: 'EEXIST', field: '/root/children/1/pid', says: /pid 2 of \/root\/children\/1 is that of \/root\/children\/0/ },
  { name: 'a pid that all copies of a family would have', spec: { root: { ...idle, children: [{ ...idle, repeat: 2, children: [{ ...idle, pid: 9 }] }] } }, code: 'EEXIST', field: '/root/children/0/children/0/pid', says: /pid 9/ },
  { name: 'pids that are used up', spec: { root: { ...idle, pid: 4_194_303, children: [idle] } }, code: 'EINVAL', field: '/root/children/0/pid', says: /above 4194303/ },
  { name: 'a million and one tasks', spec: { root: { ...idle, children: [{ ...idle, repeat: 1_000_000 }] } }, code: 'E2BIG', field: '/root', says: /1000001 tasks are too many/ },
  { name: 'repeats of repeats without end', spec: { root: { ...idle, children: [{ ...idle, repeat: 1e6, children: [{ ...idle, repeat: 1e6, children: [{ ...idle, repeat: 1e6 }] }] }] } }, code: 'E2BIG', field: '/root', says: /too many/ },
  { name: 'a root that shares', spec: { root: { ...idle, share: ['files'] } }, code: 'EINVAL', field: '/root/share', says: /no parent/ },
  { name: 'an unknown kind of sharing', spec: { root: { ...idle, children: [{ ...idle, share: ['fs'] }] } }, code: 'EINVAL', field: '/root/children/0/share/0', says: /must be "mm"/ },
  { name: 'an address space shared with another program', spec: { root: { ...idle, children: [{ program: 'sieve', share: ['mm'] }] } }, code: 'EINVAL', field: '/root/children/0/share', says: /must run its program, idle/ },
  { name: 'descriptors of its own in a table that is shared', spec: { files, root: { ...idle, children: [{ ...idle, share: ['files'], open: [{ fd: 3, file: 'prose' }] }] } }, code: 'EINVAL', field: '/root/children/0/share', says: /let the parent open/ },
  { name: 'a file that is not there', spec: { files, root: { ...idle, open: [{ fd: 3, file: 'poem' }] } }, code: 'ENOENT', field: '/root/open/0/file', says: /no file named "poem"/ },
  { name: 'a descriptor that is opened twice', spec: { files, root: { ...idle, open: [{ fd: 3, file: 'prose' }, { fd: 3, file: 'prose' }] } }, code: 'EEXIST', field: '/root/open/1/fd', says: /descriptor 3/ },
  { name: 'two files of one name', spec: { files: [...files, ...files], root: idle }, code: 'EEXIST', field: '/files/1/name', says: /two files are named "prose"/ },
  { name: 'flags that open does not know', spec: { files: [{ ...files[0], flags: 'x' }], root: idle }, code: 'EINVAL', field: '/files/0/flags', says: /must be "r"/ },
];

const parse = (spec: unknown) => parseSpec(spec, { baseFolder: '/specs' });

function refusalOf(spec: unknown) {
  try {
    parse(spec);
  } catch (error) {
    if (isCkptError(error)) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('parseSpec refuses', () => {
  test.each(refusals)('$name', ({ spec, code, field, says }) => {
    const { code: found, message, fields } = refusalOf(spec);
    expect({ code: found, message }).toEqual({ code, message: expect.stringMatching(says) });
    if (field !== undefined) expect(fields.field).toBe(field);
  });

  test('a value that contains itself', () => {
    const root: { program: string; children: unknown[] } = { program: 'idle', children: [] };
    root.children.push(root);
    expect(refusalOf({ root })).toMatchObject({ code: 'EINVAL' });
  });

  test('every fault of a short document in one message', () => {
    const { message } = refusalOf({ cpus: 0, root: { pid: 0, program: 7 } });
    expect(message).toMatch(
      /\/cpus must be >= 1; .*\/root\/pid must be >= 1; .*\/root\/program must be string/,
    );
  });

  test('a long document with its first fault alone, however many there are', () => {
    const { message } = refusalOf({ root: { program: 'idle', children: new Array(100_000).fill(1) } });
    expect(message).toBe('the spec is not valid: /root/children/0 must be object');
  });

  test('more faults than one wants to read with their number', () => {
    expect(refusalOf({ root: { program: 'idle', children: new Array(100).fill(1) } }).message).toMatch(
      /\/root\/children\/9 must be object; and 90 more$/,
    );
  });
});
