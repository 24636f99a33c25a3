import { CPU_REGISTERS, REGISTERS_SIZE } from '@ckptree/model';

export type RegisterName = (typeof CPU_REGISTERS)[number];

const INDEX = Object.fromEntries(CPU_REGISTERS.map((name, index) => [name, index * 2])) as Record<
  RegisterName,
  number
>;
const TWO_32 = 2 ** 32;

/**
 * The registers of a task, in the layout of the CPU record. Programs use the 64-bit ones as unsigned integers
 * below 2^53; what a real core file put there is kept bit for bit.
 */
export class Registers {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;

  /** @param bytes REGISTERS_SIZE bytes, copied; absent means all zero */
  constructor(bytes?: Uint8Array) {
    this.bytes = new Uint8Array(REGISTERS_SIZE);
    if (bytes !== undefined) this.bytes.set(bytes);
    this.#words = new Uint32Array(this.bytes.buffer);
  }

  get(name: RegisterName): number {
    const index = INDEX[name];
    return this.#words[index]! + this.#words[index + 1]! * TWO_32;
  }

  /** @param value an integer from 0 to 2^53 - 1 */
  set(name: RegisterName, value: number): void {
    const index = INDEX[name];
    this.#words[index] = value >>> 0;
    this.#words[index + 1] = value / TWO_32;
  }
}
