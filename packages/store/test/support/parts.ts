import { bytesSource } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import { type ImageLayout, type PartLayout, readLayout } from '@ckptree/store';

export interface CutImage {
  readonly bytes: Buffer;
  readonly layout: ImageLayout;
  /** Byte positions at which it may be cut: ranges, both ends included. */
  readonly seams: readonly { readonly from: number; readonly to: number }[];
}

/** PGARR (16 bytes), the header of its BUFFER (8), and 8 for each address. */
const headSize = (batchPages: number): number => 24 + 8 * batchPages;

export async function cutImage(bytes: Buffer): Promise<CutImage> {
  const layout = await readLayout(bytesSource(bytes));
  const seams: { from: number; to: number }[] = [];
  let from = 1;
  for (const { start, end, pages } of batches(layout)) {
    seams.push({ from, to: start - headSize(pages) });
    from = end;
  }
  seams.push({ from, to: bytes.length - 1 });
  return { bytes, layout, seams };
}

function batches({ memories }: ImageLayout): { start: number; end: number; pages: number }[] {
  const found: { start: number; end: number; pages: number }[] = [];
  for (const { runs } of memories)
    for (let index = 0; index < runs.length; index += 3) {
      const [position, pages] = [runs[index + 1]!, runs[index + 2]!];
      const last = found.at(-1);
      if (last !== undefined && last.end === position) {
        last.end += pages * PAGE_SIZE;
        last.pages += pages;
      } else found.push({ start: position, end: position + pages * PAGE_SIZE, pages });
    }
  return found;
}

/** Stretches of an image, one behind the other, as the layout of one writer. */
export function partLayout(
  { bytes, layout }: CutImage,
  stretches: readonly { readonly from: number; readonly to: number }[],
): { readonly layout: PartLayout; readonly ends: number[] } {
  const ends: number[] = [];
  const memories: ImageLayout['memories'][number][] = [];
  let size = 0;
  for (const { from, to } of stretches) {
    for (const memory of layout.memories) {
      const runs: number[] = [];
      for (let index = 0; index < memory.runs.length; index += 3) {
        const [address, position, pages] = memory.runs.subarray(index, index + 3);
        if (position! >= from && position! < to) runs.push(address!, position! - from + size, pages!);
      }
      if (runs.length > 0) memories.push({ ...memory, runs: Float64Array.from(runs) });
    }
    size += to - from;
    ends.push(size);
  }
  const source = bytesSource(Buffer.concat(stretches.map(({ from, to }) => bytes.subarray(from, to))));
  return { layout: { size, source, memories }, ends };
}
