import { recordTypeName } from '@ckptree/image';

export interface FoundRecord {
  readonly name: string;
  /** Byte position in the image. */
  readonly position: number;
  /** Behind the record header. */
  readonly body: DataView;
}

/** Cuts an image into records, by their headers alone. */
export function recordsOf(image: Uint8Array): FoundRecord[] {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const found: FoundRecord[] = [];
  for (let position = 0; position < image.length; ) {
    const length = view.getUint32(position + 4, true);
    const name = recordTypeName(view.getUint32(position, true)) ?? 'unknown';
    found.push({
      name,
      position,
      body: new DataView(image.buffer, image.byteOffset + position + 8, length - 8),
    });
    position += length;
  }
  return found;
}

export const namesOf = (image: Uint8Array): string[] => recordsOf(image).map(({ name }) => name);

export const recordsNamed = (image: Uint8Array, wanted: string): FoundRecord[] =>
  recordsOf(image).filter(({ name }) => name === wanted);

/** Text of a FILE_NAME or STRING record, without its NUL. */
export const textOf = ({ body }: FoundRecord): string =>
  Buffer.from(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength)
    .toString()
    .replace(/\0+$/, '');
