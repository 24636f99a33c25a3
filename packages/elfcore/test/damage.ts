import { readFileSync } from 'node:fs';
import { readCore } from '@ckptree/elfcore';
import type { ErrorCode } from '@ckptree/errors';
import type { ByteSource } from '@ckptree/model';
import { expect, test } from '@jest/globals';
import { bytesSource } from './bytes.js';

/** A core by gdb of three threads: see corpus/make.sh. */
export const good = readFileSync(new URL('./corpus/threads.core', import.meta.url));

export const failureOf = (source: ByteSource): Promise<unknown> =>
  readCore(source).then(
    () => 'no failure',
    (error: unknown) => error,
  );

/** Changes a copy of a core in place, or returns a `Uint8Array` to be read in its stead. */
export type Damage = (core: Buffer) => unknown;
/** `says` is in the message of the error. */
export type Case = readonly [name: string, code: ErrorCode, says: string, damage: Damage];

export function damaged(core: Buffer, damage: Damage): Uint8Array {
  const instead = damage(core);
  return instead instanceof Uint8Array ? instead : core;
}

/** Each damage, done to a copy of `base`, is refused with its code, its words and a position. */
export function testAll(cases: readonly Case[], base: () => Uint8Array): void {
  test.each(cases)('%s: %s', async (_name, code, says, damage) => {
    const core = Buffer.from(base());
    const error = await failureOf(bytesSource(damaged(core, damage)));
    expect(error).toMatchObject({
      ...{ name: 'CkptError', code, fields: { position: expect.any(Number) } },
      message: expect.stringContaining(says),
    });
  });
}

/** Byte positions in the ELF header. */
export const EHDR = { phoff: 32, shoff: 40, phnum: 56 } as const;
/** Byte positions in a program header. */
export const PHDR = { offset: 8, vaddr: 16, filesz: 32, memsz: 40 } as const;
export const NT = { PRSTATUS: 1, PRPSINFO: 3, AUXV: 6, FILE: 0x46494c45 } as const;

export const u64 = (core: Buffer, offset: number): number => Number(core.readBigUInt64LE(offset));

/** Byte position of the `n`th program header of type PT_LOAD, or of the first PT_NOTE. */
export function header(core: Buffer, type: 'load' | 'note', n = 0): number {
  const wanted = type === 'load' ? 1 : 4;
  for (let at = u64(core, EHDR.phoff); ; at += 56)
    if (core.readUInt32LE(at) === wanted && n-- === 0) return at;
}

/** Sets a 64-bit field of the `n`th PT_LOAD. */
export const load =
  (n: number, field: keyof typeof PHDR, value: (old: bigint) => bigint): Damage =>
  (core) => {
    const at = header(core, 'load', n) + PHDR[field];
    core.writeBigUInt64LE(value(core.readBigUInt64LE(at)), at);
  };

/** Byte position of the `n`th note of this owner and type, and of its descriptor. */
export function note(core: Buffer, type: number, n = 0, owner = 'CORE'): { at: number; desc: number } {
  const segment = header(core, 'note');
  const start = u64(core, segment + PHDR.offset);
  const padded = (size: number) => Math.ceil(size / 4) * 4;
  for (let at = start; at < start + u64(core, segment + PHDR.filesz); ) {
    const [namesz, descsz] = [core.readUInt32LE(at), core.readUInt32LE(at + 4)];
    const desc = at + 12 + padded(namesz);
    const found =
      core.readUInt32LE(at + 8) === type && core.toString('latin1', at + 12, at + 11 + namesz) === owner;
    if (found && n-- === 0) return { at, desc };
    at = desc + padded(descsz);
  }
  throw new Error(`the core has no such note: ${owner} ${type}`);
}

/** Says that section header 0, at the end of the file, holds the number of segments. */
export function extendedCount(count: number): Damage {
  return (core) => {
    core.writeUInt16LE(0xffff, EHDR.phnum);
    core.writeBigUInt64LE(BigInt(core.length), EHDR.shoff);
    const section = Buffer.alloc(64);
    section.writeUInt32LE(count, 44);
    return Buffer.concat([core, section]);
  };
}
