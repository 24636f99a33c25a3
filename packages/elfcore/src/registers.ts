import { CPU_REGISTERS, REGISTERS_SIZE, SEGMENT_REGISTERS } from '@ckptree/model';

/**
 * `struct user_regs_struct` (Linux arch/x86/include/asm/user_64.h): 27 words of 64 bits in this order, here under
 * the names of the CPU record. `fs` and `gs` are the segment bases, `fsindex` and `gsindex` the selectors.
 */
// biome-ignore format: the order of the structure, not one a line
const USER_REGS = [
  'r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8', 'ax', 'cx', 'dx', 'si', 'di',
  'orig_ax', 'ip', 'cs', 'flags', 'sp', 'ss', 'fs', 'gs', 'ds', 'es', 'fsindex', 'gsindex',
] as const;

/** Bytes of a `user_regs_struct`. */
export const USER_REGS_SIZE = USER_REGS.length * 8;

const userOffset = (name: (typeof USER_REGS)[number]): number => USER_REGS.indexOf(name) * 8;
const SELECTORS_OFFSET = CPU_REGISTERS.length * 8;
const USED_MATH_OFFSET = SELECTORS_OFFSET + SEGMENT_REGISTERS.length * 2;

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * The registers of a thread as the CPU record has them. Selectors are 16 bits wide: what stands above them in the
 * core is always zero on x86 and is left out.
 * @param usedMath whether the floating-point unit was used, which a `user_regs_struct` does not know
 */
export function toCpuRecord(userRegs: Uint8Array, usedMath = 0): Uint8Array {
  const record = new Uint8Array(REGISTERS_SIZE);
  const [from, to] = [viewOf(userRegs), viewOf(record)];
  CPU_REGISTERS.forEach((name, index) => {
    to.setBigUint64(index * 8, from.getBigUint64(userOffset(name), true), true);
  });
  SEGMENT_REGISTERS.forEach((name, index) => {
    to.setUint16(SELECTORS_OFFSET + index * 2, from.getUint16(userOffset(name), true), true);
  });
  to.setUint32(USED_MATH_OFFSET, usedMath, true);
  return record;
}

/** The same registers as a core has them. */
export function toUserRegs(record: Uint8Array): Uint8Array {
  const userRegs = new Uint8Array(USER_REGS_SIZE);
  const [from, to] = [viewOf(record), viewOf(userRegs)];
  CPU_REGISTERS.forEach((name, index) => {
    to.setBigUint64(userOffset(name), from.getBigUint64(index * 8, true), true);
  });
  SEGMENT_REGISTERS.forEach((name, index) => {
    to.setUint16(userOffset(name), from.getUint16(SELECTORS_OFFSET + index * 2, true), true);
  });
  return userRegs;
}

export const usedMathOf = (record: Uint8Array): number => viewOf(record).getUint32(USED_MATH_OFFSET, true);

export const stackPointerOf = (record: Uint8Array): bigint =>
  viewOf(record).getBigUint64(CPU_REGISTERS.indexOf('sp') * 8, true);
