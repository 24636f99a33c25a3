import { randomBytes } from 'node:crypto';
import { copyFile, open } from 'node:fs/promises';
import { readTree } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import { openFileSource } from '@ckptree/restart/file-source';

/** Bytes that are written to a page: three fields of an object. */
const WRITTEN = 24;

/** Copies an image, and writes a little to one page in so many, drawn at random. @returns how many pages */
export async function writePages(image: string, target: string, oneIn: number): Promise<number> {
  await copyFile(image, target);
  const positions = await pagePositions(image);
  const file = await open(target, 'r+');
  let written = 0;
  try {
    for (const position of positions) {
      if (Math.random() * oneIn >= 1) continue;
      const at = position + Math.floor((Math.random() * (PAGE_SIZE - WRITTEN)) / 8) * 8;
      await file.write(randomBytes(WRITTEN), 0, WRITTEN, at);
      written++;
    }
  } finally {
    await file.close();
  }
  return written;
}

async function pagePositions(image: string): Promise<number[]> {
  const file = openFileSource(image);
  try {
    const { tree } = await readTree(file);
    const memories = new Set(tree.tasks.flatMap(({ mm }) => (mm === undefined ? [] : [mm.memory])));
    const positions: number[] = [];
    for (const { runs } of memories)
      for (let run = 0; run < runs.length; run += 3)
        for (let page = 0; page < runs[run + 2]!; page++) positions.push(runs[run + 1]! + page * PAGE_SIZE);
    return positions;
  } finally {
    file.close();
  }
}
