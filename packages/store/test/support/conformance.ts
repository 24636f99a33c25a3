import { contentHash, type ObjectBackend } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

/** What every ObjectBackend must do. @param make an empty one */
export function backendConformance(name: string, make: () => Promise<ObjectBackend>): void {
  const bytes = (text: string) => Buffer.from(text);
  const all = async (backend: ObjectBackend, object: string) =>
    Buffer.from(await backend.read(object, 0, 1000)).toString();

  describe(`${name} as an object backend`, () => {
    test('puts an object whole and reads any range of it', async () => {
      const backend = await make();
      expect(await backend.put('packs/a', [bytes('abc'), bytes(''), bytes('defg')])).toBe(true);
      expect(await all(backend, 'packs/a')).toBe('abcdefg');
      expect(Buffer.from(await backend.read('packs/a', 2, 3)).toString()).toBe('cde');
      expect(await backend.read('packs/a', 5, 100)).toHaveLength(2);
      expect(await backend.read('packs/a', 7, 1)).toHaveLength(0);
      expect(await backend.read('packs/a', 700, 1)).toHaveLength(0);
    });

    test('leaves an object that is there as it is', async () => {
      const backend = await make();
      await backend.put('config', [bytes('first')]);
      expect(await backend.put('config', [bytes('second')])).toBe(false);
      expect(await all(backend, 'config')).toBe('first');
    });

    test('puts an object piece by piece where it can: nobody sees it before it is whole', async () => {
      const backend = await make();
      const draft = await backend.draft?.('packs/a');
      if (draft === undefined) return expect(backend.draft).toBeUndefined();
      await draft.write(bytes('abc'));
      await draft.write(bytes('defg'));
      expect(Buffer.from(await draft.read(2, 3)).toString()).toBe('cde');
      expect(await backend.list('packs')).toEqual([]);
      expect(await draft.commit()).toBe(true);
      await draft.close();
      expect(await all(backend, 'packs/a')).toBe('abcdefg');
      const late = (await backend.draft!('packs/a'))!;
      await late.write(bytes('other'));
      expect(await late.commit()).toBe(false);
      await late.close();
      const dropped = await backend.draft!('packs/b');
      await dropped.write(bytes('dropped'));
      await dropped.close();
      expect(await all(backend, 'packs/a')).toBe('abcdefg');
      expect(await backend.list('packs')).toEqual([{ name: 'packs/a', size: 7 }]);
    });

    test('takes pieces of any size, any number at once', async () => {
      const backend = await make();
      const sizes = fc.oneof(
        fc.nat(100),
        fc.integer({ min: 2 ** 20 - 60, max: 2 ** 20 + 60 }),
        fc.constant(0),
      );
      const law = fc.asyncProperty(
        fc.array(fc.array(sizes, { maxLength: 6 }), { maxLength: 3 }),
        async (writes) => {
          const draft = await backend.draft?.('packs/a');
          if (draft === undefined) return;
          let next = 0;
          const written: Uint8Array[] = [];
          for (const pieces of writes) {
            const parts = pieces.map((size) => new Uint8Array(size).fill(++next));
            await draft.write(...parts);
            written.push(...parts);
          }
          const whole = Buffer.concat(written);
          const found = Buffer.from(await draft.read(0, whole.length + 1));
          await draft.close();
          expect(found.equals(whole)).toBe(true);
        },
      );
      await fc.assert(law, { numRuns: 20 });
    });

    test('takes pieces whose hash is known among others', async () => {
      const backend = await make();
      const draft = await backend.draft?.('packs/a');
      if (draft === undefined) return expect(backend.draft).toBeUndefined();
      const known = [1, 2, 3].map((byte) => new Uint8Array(100_000 * byte).fill(byte));
      for (const part of known)
        await draft.write(bytes('before'), { bytes: part, hash: contentHash().digest(part) });
      await draft.write(bytes('behind'));
      const whole = Buffer.concat([...known.flatMap((part) => [bytes('before'), part]), bytes('behind')]);
      expect(await draft.commit()).toBe(true);
      await draft.close();
      expect(Buffer.from(await backend.read('packs/a', 0, whole.length + 1)).equals(whole)).toBe(true);
    });

    test('of many that put the same name at once, one wins, whole', async () => {
      const backend = await make();
      const puts = Array.from({ length: 8 }, (_, index) =>
        backend.put('keys/k', [bytes(String(index).repeat(100))]),
      );
      const results = await Promise.all(puts);
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await all(backend, 'keys/k')).toBe(String(results.indexOf(true)).repeat(100));
    });

    test('lists a kind in order, with sizes, and nothing else', async () => {
      const backend = await make();
      expect(await backend.list('packs')).toEqual([]);
      for (const object of ['packs/b', 'packs/a', 'manifests/c', 'config'])
        await backend.put(object, [bytes(object)]);
      expect(await backend.list('packs')).toEqual([
        { name: 'packs/a', size: 7 },
        { name: 'packs/b', size: 7 },
      ]);
    });

    test('deletes, also what is not there', async () => {
      const backend = await make();
      await backend.put('packs/a', []);
      await backend.delete('packs/a');
      await backend.delete('packs/a');
      // Nor has there ever been one of this kind.
      await backend.delete('manifests/a');
      expect(await backend.list('packs')).toEqual([]);
      await expect(backend.read('packs/a', 0, 1)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    test.each([
      '../config',
      'packs/../config',
      '/etc/passwd',
      'packs/',
      '',
      'packs/a/b',
      'packs/.a',
      'PACKS/a',
      'packs/a\0',
    ])('refuses the name %j', async (object) => {
      const backend = await make();
      await expect(backend.put(object, [])).rejects.toMatchObject({ code: 'EINVAL' });
      await expect(backend.read(object, 0, 1)).rejects.toMatchObject({ code: 'EINVAL' });
      await expect(backend.delete(object)).rejects.toMatchObject({ code: 'EINVAL' });
    });
  });
}
