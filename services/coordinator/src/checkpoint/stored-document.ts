import { validated } from '@ckptree/protocol';
import { Type } from '@ckptree/schema';
import type { StoredParts } from '@ckptree/store';

const Bytes = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const ChunkId = Type.String({ pattern: '^[0-9a-f]{64}$' });

const StoredDocument = Type.Object({
  parts: Type.Array(
    Type.Object({
      size: Bytes,
      segments: Type.Array(Type.Object({ size: Bytes, recipe: Type.Array(ChunkId, { minItems: 1 }) })),
    }),
  ),
  added: Type.Object({ new: Bytes, stored: Bytes }),
});

/** Gives what a worker says that it stored its type. @throws EINVAL it is not as it should be */
export const checkStored = (document: unknown, worker: string): StoredParts =>
  validated(StoredDocument, document, `what worker ${worker} says that it stored`);
