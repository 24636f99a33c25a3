import { family, HEAD, single } from './trees.js';
import { imageParts, joinParts, type Part, writeImage } from './write-image.js';

/** A VMA record in the layout of 56 bytes: without ino_objref, padding and ino_size. */
function shortVma({ label, bytes }: Part): Part {
  if (label !== 'vma') return { label, bytes };
  const short = new Uint8Array(56);
  short.set(bytes.subarray(0, 16));
  short.set(bytes.subarray(32), 16);
  new DataView(short.buffer).setUint32(4, 56, true);
  return { label, bytes: short };
}

/** Images that keep all rules, by name. */
export const GOOD: Readonly<Record<string, () => Uint8Array>> = {
  single: () => writeImage(HEAD, single()),
  container: () => writeImage({ ...HEAD, subtree: false }, single()),
  family: () => writeImage(HEAD, family()),
  'one-page-a-batch': () => writeImage(HEAD, family(), 1),
  'short-vmas': () => joinParts(imageParts(HEAD, family()).map(shortVma)),
};
