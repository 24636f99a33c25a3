import type { ChunkId } from './content-hash.js';

const INITIAL_CAPACITY = 1024;
const WORDS = 2;

/**
 * A set of chunk ids in 16 bytes each or so: ten million take 256 MiB at most. It keeps the first 64 bits of an id, so it
 * may say of one in 10^12 that it is in when it is not; who asks must be on the safe side then.
 */
export class IdSet {
  #words = new Uint32Array(INITIAL_CAPACITY * WORDS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns whether it is new */
  add(id: ChunkId): boolean {
    if ((this.#size + 1) * 4 > (this.#words.length / WORDS) * 3) this.#grow();
    const [high, low] = wordsOf(id);
    const place = this.#find(high, low);
    if (this.#words[place] === high && this.#words[place + 1] === low) return false;
    this.#words[place] = high;
    this.#words[place + 1] = low;
    this.#size++;
    return true;
  }

  has(id: ChunkId): boolean {
    const [high, low] = wordsOf(id);
    const place = this.#find(high, low);
    return this.#words[place] === high && this.#words[place + 1] === low;
  }

  /** The place of an id, or the free one where it belongs. */
  #find(high: number, low: number): number {
    const places = this.#words.length / WORDS;
    let place = low & (places - 1);
    for (;;) {
      const at = place * WORDS;
      const free = this.#words[at] === 0 && this.#words[at + 1] === 0;
      if (free || (this.#words[at] === high && this.#words[at + 1] === low)) return at;
      place = (place + 1) & (places - 1);
    }
  }

  #grow(): void {
    const old = this.#words;
    this.#words = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += WORDS) {
      const [high, low] = [old[at]!, old[at + 1]!];
      if (high === 0 && low === 0) continue;
      const place = this.#find(high, low);
      this.#words[place] = high;
      this.#words[place + 1] = low;
    }
  }
}

/** Both zero means a free place, so the one id in 2^64 that starts so is moved aside. */
function wordsOf(id: ChunkId): [number, number] {
  const [high, low] = [Number.parseInt(id.slice(0, 8), 16), Number.parseInt(id.slice(8, 16), 16)];
  return [high, high === 0 && low === 0 ? 1 : low];
}
