import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { getHeapSnapshot } from 'node:v8';
import { zstdCompress } from '@ckptree/store/low-level';
import { blake3 } from '@napi-rs/blake-hash';
import { Samples } from '../engine/samples.js';
import { cpuSeconds } from './cpu-seconds.js';
import type { Measured } from './measured.js';

const MIB = 2 ** 20;
const CHUNKS = 64;
const PACKS = 8;
const PACK_BYTES = 64 * MIB;
const SMALL_OBJECTS = 50;

/** @param folder on the disk that is to be measured */
export async function measureBytes(folder: string): Promise<Measured> {
  const scratch = await mkdtemp(join(folder, 'ckptree-scale-'));
  try {
    return { ...measureHash(), ...(await measureCompression()), ...(await measureDisk(scratch)) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function measureHash(): Measured {
  const chunk = randomBytes(MIB);
  return { hashRate: bestRate(MIB, () => blake3(chunk)) };
}

/** What a real heap holds: the snapshot of this process's own, strings and numbers and references. */
async function measureCompression(): Promise<Measured> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of getHeapSnapshot()) {
    const bytes = Buffer.from(piece);
    pieces.push(bytes);
    size += bytes.length;
    if (size >= CHUNKS * MIB) break;
  }
  const memory = Buffer.concat(pieces);
  const chunks = Array.from({ length: Math.floor(memory.length / MIB) }, (_, index) =>
    memory.subarray(index * MIB, (index + 1) * MIB),
  );
  const compressed = chunks.reduce((sum, chunk) => sum + zstdCompress(chunk, 1).length, 0);
  let next = 0;
  const compressRate = bestRate(MIB, () => zstdCompress(chunks[next++ % chunks.length]!, 1));
  return { compressRate, compressRatio: (chunks.length * MIB) / compressed };
}

/** Packs as the store writes them: temporary name, write, fsync, final name, fsync of the folder. */
async function measureDisk(folder: string): Promise<Measured> {
  const pack = randomBytes(PACK_BYTES);
  const large = new Samples();
  for (let index = 0; index <= PACKS; index++) {
    const seconds = await writeDurably(folder, `pack-${index}`, pack);
    if (index > 0) large.add(seconds);
  }
  const small = new Samples();
  for (let index = 0; index < SMALL_OBJECTS; index++)
    small.add(await writeDurably(folder, `object-${index}`, pack.subarray(0, 1024)));
  return { diskRate: PACK_BYTES / large.median, diskObject: small.median };
}

async function writeDurably(folder: string, name: string, content: Uint8Array): Promise<number> {
  const start = performance.now();
  const temporary = join(folder, `${name}.tmp`);
  const file = await open(temporary, 'wx');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, name));
  const directory = await open(folder);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return (performance.now() - start) / 1e3;
}

/** Bytes for each second of a core, in the best of several stretches: on a shared machine the others are disturbed. */
function bestRate(bytes: number, action: () => unknown): number {
  const rates = new Samples();
  for (let stretch = 0; stretch < 8; stretch++) {
    const start = process.cpuUsage();
    for (let round = 0; round < CHUNKS / 4; round++) action();
    rates.add((bytes * (CHUNKS / 4)) / cpuSeconds(start));
  }
  return rates.max;
}
