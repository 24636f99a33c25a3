import { CkptError } from '@ckptree/errors';
import { AT_VECTOR_SIZE } from '@ckptree/model';
import { damaged } from './exact-reader.js';

/** Types of the auxiliary vector that are looked at: Linux include/uapi/linux/auxvec.h. */
export const AT = { NULL: 0, PHDR: 3, ENTRY: 9, RANDOM: 25, SYSINFO_EHDR: 33 } as const;

/**
 * Types that Linux 2.6.33 knows (include/linux/auxvec.h, arch/x86/include/asm/auxvec.h). Its saved vector, and so
 * an image, has room for 21 entries and the end mark; kernels of today save more.
 */
const isOld = (type: bigint): boolean =>
  type <= 17n || (type >= 23n && type <= 25n) || (type >= 31n && type <= 33n);

type Entry = readonly [type: bigint, value: bigint];

/**
 * The auxiliary vector as an image holds it. When the core has more entries than fit, those that are younger than
 * the image format give way, the last first.
 * @param desc     the descriptor of NT_AUXV
 * @param position where it stands in the file
 * @throws EBADMSG not pairs of words; E2BIG too many entries even so
 */
export function decodeAuxv(desc: Uint8Array, position: number): BigUint64Array {
  if (desc.length % 16 !== 0)
    throw damaged(position, `the auxiliary vector has ${desc.length} bytes, which is not a number of pairs`);
  const view = new DataView(desc.buffer, desc.byteOffset, desc.byteLength);
  const words = new BigUint64Array(desc.length / 8).map((_, index) => view.getBigUint64(index * 8, true));
  const auxv = new BigUint64Array(AT_VECTOR_SIZE);
  auxv.set(words.length <= AT_VECTOR_SIZE ? words : fit(entriesOf(words), position).flat());
  return auxv;
}

function entriesOf(words: BigUint64Array): Entry[] {
  const entries: Entry[] = [];
  for (let index = 0; index < words.length && words[index] !== 0n; index += 2)
    entries.push([words[index]!, words[index + 1]!]);
  return entries;
}

function fit(entries: readonly Entry[], position: number): Entry[] {
  const room = AT_VECTOR_SIZE / 2 - 1;
  const surplus = Math.max(entries.length - room, 0);
  const kept = entries.filter(([type]) => isOld(type));
  if (kept.length > room)
    throw new CkptError('E2BIG', `the auxiliary vector has ${entries.length} entries; ${room} are the most`, {
      position,
    });
  const young = entries.length - kept.length;
  let seen = 0;
  return entries.filter(([type]) => isOld(type) || ++seen <= young - surplus);
}

export function encodeAuxv(auxv: BigUint64Array): Uint8Array {
  const desc = new Uint8Array(auxv.length * 8);
  const view = new DataView(desc.buffer);
  auxv.forEach((word, index) => {
    view.setBigUint64(index * 8, word, true);
  });
  return desc;
}

/** The value of the first entry of this type. */
export function auxvValue(auxv: BigUint64Array, type: number): bigint | undefined {
  for (let index = 0; index + 1 < auxv.length && auxv[index] !== 0n; index += 2)
    if (auxv[index] === BigInt(type)) return auxv[index + 1];
  return undefined;
}
