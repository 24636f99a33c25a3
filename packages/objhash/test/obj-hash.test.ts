import { type ObjectOps, ObjHash } from '@ckptree/objhash';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

interface Inode {
  readonly path: string;
  count: number;
  holds: number;
}

type Types = { FILE: Inode; PIPE: Inode };

const inode = (path: string, count = 1): Inode => ({ path, count, holds: 0 });

const opsNamed = (name: string): ObjectOps<Inode> => ({
  name,
  grab: (object) => {
    object.holds++;
  },
  drop: (object) => {
    object.holds--;
  },
  users: (object) => object.count,
});

const newHash = () => new ObjHash<Types>({ FILE: opsNamed('file'), PIPE: opsNamed('pipe') });

test('README: two descriptors share one open file, and a stranger has it open, too', () => {
  const log = { path: '/var/log/app', references: 3 };
  const hash = new ObjHash<{ FILE: typeof log }>({
    FILE: { name: 'FILE', grab: () => undefined, drop: () => undefined, users: (file) => file.references },
  });
  expect(hash.collect('FILE', log)).toBe(true); // met first: objref 1
  expect(hash.collect('FILE', log)).toBe(false); // met again: one more user
  expect(hash.leaks()).toMatchObject([{ objref: 1, name: 'FILE', users: 2, realUsers: 3 }]);
  hash.clear();
});

describe('collect', () => {
  test('tells the first time, grabs then and only then, and counts users', () => {
    const hash = newHash();
    const file = inode('/a');
    expect(hash.collect('FILE', file)).toBe(true);
    expect(hash.collect('FILE', file)).toBe(false);
    expect(file.holds).toBe(1);
    expect(hash.lookup(file)).toMatchObject({ objref: 1, name: 'file', users: 2, object: file });
  });

  test('refuses an object that is known as another type', () => {
    const hash = newHash();
    const file = inode('/a');
    hash.collect('FILE', file);
    expect(() => hash.collect('PIPE', file)).toThrow(
      expect.objectContaining({ code: 'EINVAL', message: 'object 1 is a file and was met as a PIPE' }),
    );
    expect(() => hash.define('PIPE', file)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test('leaves no trace of an object that could not be grabbed', () => {
    const grab = () => {
      throw new Error('gone');
    };
    const hash = new ObjHash<{ FILE: Inode }>({ FILE: { ...opsNamed('file'), grab } });
    const file = inode('/a');
    expect(() => hash.collect('FILE', file)).toThrow('gone');
    expect(hash.lookup(file)).toBeUndefined();
    expect(hash.size).toBe(0);
  });
});

describe('objrefs', () => {
  test('count from 1 in the order of first meeting, across types, and look objects up', () => {
    const indexes = fc.array(fc.nat({ max: 9 }), { maxLength: 60 });
    fc.assert(
      fc.property(indexes, (meetings) => {
        const pool = Array.from({ length: 10 }, (_, index) => inode(`/${index}`));
        const hash = newHash();
        for (const index of meetings) hash.collect(index % 2 === 0 ? 'FILE' : 'PIPE', pool[index]!);

        const firsts = [...new Set(meetings)];
        expect(hash.size).toBe(firsts.length);
        firsts.forEach((index, order) => {
          const entry = hash.lookup(pool[index]!);
          expect(entry?.objref).toBe(order + 1);
          expect(entry?.users).toBe(meetings.filter((other) => other === index).length);
          expect(hash.lookupObjref(order + 1)?.object).toBe(pool[index]);
        });
        expect(hash.lookupObjref(0)).toBeUndefined();
        expect(hash.lookupObjref(firsts.length + 1)).toBeUndefined();
        expect(hash.lookup(inode('/0'))).toBeUndefined();
      }),
    );
  });
});

describe('leaks', () => {
  test('are exactly the objects whose real users differ, with both counts', () => {
    const objects = fc.array(fc.record({ met: fc.integer({ min: 1, max: 4 }), real: fc.nat({ max: 5 }) }));
    fc.assert(
      fc.property(objects, (specs) => {
        const hash = newHash();
        const pool = specs.map(({ real }, index) => inode(`/${index}`, real));
        specs.forEach(({ met }, index) => {
          for (let meeting = 0; meeting < met; meeting++) hash.collect('FILE', pool[index]!);
        });
        const expected = specs.flatMap(({ met, real }, index) =>
          met === real ? [] : [{ objref: index + 1, users: met, realUsers: real, object: pool[index] }],
        );
        expect(hash.leaks()).toMatchObject(expected);
        expect(hash.leaks()).toHaveLength(expected.length);
      }),
    );
  });
});

describe('definitions', () => {
  test('are asked for once for each object, and what nobody saw again is told', () => {
    const hash = newHash();
    const [seen, unseen] = [inode('/seen'), inode('/unseen')];
    hash.collect('FILE', seen);
    hash.collect('FILE', unseen);
    hash.closeCollection();
    expect(hash.define('FILE', seen)).toEqual({ objref: 1, first: true, late: false });
    expect(hash.define('FILE', seen)).toEqual({ objref: 1, first: false, late: false });
    expect(hash.unvisited()).toMatchObject([{ objref: 2, object: unseen }]);
    expect(hash.reverseLeaks()).toEqual([]);
  });

  test('are still asked for when the object was only visited before', () => {
    const hash = newHash();
    const file = inode('/a');
    hash.collect('FILE', file);
    expect(hash.visit('FILE', file)).toMatchObject({ objref: 1, visited: true });
    expect(hash.unvisited()).toEqual([]);
    expect(hash.define('FILE', file)).toMatchObject({ first: true });
    expect(hash.define('FILE', file)).toMatchObject({ first: false });
  });

  test('of an object that the collection missed are a reverse leak', () => {
    const hash = newHash();
    const late = inode('/late');
    hash.closeCollection();
    expect(hash.define('FILE', late)).toEqual({ objref: 1, first: true, late: true });
    expect(hash.reverseLeaks()).toMatchObject([{ objref: 1, object: late, users: 0 }]);
  });

  test('without a collection are no leak', () => {
    const hash = newHash();
    hash.define('FILE', inode('/a'));
    expect(hash.reverseLeaks()).toEqual([]);
  });
});

describe('clear', () => {
  test('drops every object once, the last one first, and the hash can be used again', () => {
    const dropped: string[] = [];
    const drop = (object: Inode) => {
      dropped.push(object.path);
    };
    const hash = new ObjHash<{ FILE: Inode }>({ FILE: { ...opsNamed('file'), drop } });
    for (const path of ['/a', '/b', '/c']) hash.collect('FILE', inode(path));
    hash.closeCollection();
    hash.clear();
    expect(dropped).toEqual(['/c', '/b', '/a']);
    hash.clear();
    expect(dropped).toHaveLength(3);
    const again = inode('/d');
    expect(hash.collect('FILE', again)).toBe(true);
    expect(hash.lookup(again)).toMatchObject({ objref: 1, late: false });
  });

  test('drops the others when one drop fails, then tells', () => {
    const kept = inode('/kept');
    const drop = (object: Inode) => {
      if (object.path === '/bad') throw new Error('cannot drop');
      object.holds--;
    };
    const hash = new ObjHash<{ FILE: Inode }>({ FILE: { ...opsNamed('file'), drop } });
    hash.collect('FILE', kept);
    hash.collect('FILE', inode('/bad'));
    expect(() => hash.clear()).toThrow('cannot drop');
    expect(kept.holds).toBe(0);
    expect(hash.size).toBe(0);
  });
});
