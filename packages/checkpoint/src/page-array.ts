import { ADDRESS_SIZE, PGARR_ENTRIES } from '@ckptree/image';

const TWO_32 = 2 ** 32;
/**
 * Up to PGARR_ENTRIES pages of one address space: their addresses, and the frames that hold their contents. Two
 * arrays, so that all addresses can be written at once; they are kept as the image has them (u64, little-endian).
 */
export class PageArray {
  readonly frames = new Int32Array(PGARR_ENTRIES);
  readonly #addresses = new DataView(new ArrayBuffer(PGARR_ENTRIES * ADDRESS_SIZE));
  #used = 0;

  get used(): number {
    return this.#used;
  }

  get isFull(): boolean {
    return this.#used === PGARR_ENTRIES;
  }

  add(address: number, frame: number): void {
    const position = this.#used * ADDRESS_SIZE;
    this.#addresses.setUint32(position, address >>> 0, true);
    this.#addresses.setUint32(position + 4, address / TWO_32, true);
    this.frames[this.#used++] = frame;
  }

  address(index: number): number {
    const position = index * ADDRESS_SIZE;
    const [low, high] = [
      this.#addresses.getUint32(position, true),
      this.#addresses.getUint32(position + 4, true),
    ];
    return high * TWO_32 + low;
  }

  /** The addresses as bytes of the image, in place: valid until the next `clear`. */
  addressBytes(): Uint8Array {
    return new Uint8Array(this.#addresses.buffer, 0, this.#used * ADDRESS_SIZE);
  }

  clear(): void {
    this.#used = 0;
  }
}
