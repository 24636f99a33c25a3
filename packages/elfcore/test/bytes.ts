import type { ByteSink, ByteSource, StoredPages } from '@ckptree/model';
import { PAGE_SIZE } from '@ckptree/model';

/** A source that, as it may, overwrites what it returned by what it returns next. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  let answer = new Uint8Array();
  return {
    read(position, length) {
      const part = bytes.subarray(position, position + length);
      if (answer.length < part.length) answer = new Uint8Array(part.length);
      answer.set(part);
      return answer.subarray(0, part.length);
    },
  };
}

export class BytesSink implements ByteSink {
  readonly #parts: Uint8Array[] = [];

  write(bytes: Uint8Array): void {
    this.#parts.push(new Uint8Array(bytes));
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

/** Every page of an address space: address and contents. */
export async function* pagesOf(
  { runs }: StoredPages,
  source: ByteSource,
): AsyncGenerator<[address: number, contents: Uint8Array]> {
  for (let index = 0; index < runs.length; index += 3) {
    const [address, position, pages] = runs.subarray(index, index + 3) as unknown as [number, number, number];
    for (let page = 0; page < pages; page++) {
      const contents = await source.read(position + page * PAGE_SIZE, PAGE_SIZE);
      yield [address + page * PAGE_SIZE, new Uint8Array(contents)];
    }
  }
}
