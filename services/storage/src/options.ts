import { bytes, duration, onOff, path, storeSecretOptions, wholeNumber } from '@ckptree/service';

const [KIB, MIB, GIB] = [2 ** 10, 2 ** 20, 2 ** 30];

/** What a storage service is told beside what every service is. */
export const storageOptions = {
  store: path({ description: 'folder of the store; all services of the group have the same' }),
  init: onOff({ description: 'make the folder a store when it is none yet' }),
  ...storeSecretOptions('only to make one, to collect garbage and to verify'),
  pieceSize: bytes({
    description: 'bytes of a piece of an upload, and of a read',
    default: 512 * KIB,
    minimum: 64 * KIB,
    maximum: 8 * MIB - 64 * KIB,
  }),
  maxUploads: wholeNumber({
    description: 'uploads under way at once; more are told to wait',
    placeholder: 'n',
    default: 64,
    minimum: 1,
    maximum: 10_000,
  }),
  maxBuffered: bytes({
    description: 'bytes that may have arrived and not be written yet, all uploads together',
    default: 64 * MIB,
    minimum: 16 * MIB,
    maximum: 64 * GIB,
  }),
  uploadIdleMs: duration({
    name: 'uploadIdle',
    description: 'an upload of which nothing is heard for so long is given up',
    default: 60_000,
    minimum: 1_000,
    maximum: 3_600_000,
  }),
};
