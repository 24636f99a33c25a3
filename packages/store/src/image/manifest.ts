import { randomBytes } from 'node:crypto';
import { CkptError } from '@ckptree/errors';
import { documentCheck, type Static, Type } from '@ckptree/schema';
import type { ObjectBackend } from '../backend/object-backend.js';
import { FORMAT_VERSION } from '../config.js';
import { contentHash, hexId } from '../content-hash.js';
import { readDocument } from '../envelope.js';
import { KIND, objectId, objectName } from '../layout.js';

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const ID_PATTERN = /^[0-9]{8}t[0-9]{9}-[0-9a-f]{8}$/;
const Id = Type.String({ pattern: ID_PATTERN.source });
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const closed = { additionalProperties: false };

const TreeSummarySchema = Type.Object(
  {
    rootPid: Type.Integer(),
    /** Name of the root task. */
    comm: Type.String({ maxLength: 64 }),
    tasks: Count,
    mms: Count,
    pages: Count,
  },
  closed,
);

const SegmentSchema = Type.Object(
  {
    /** Byte position in the image, and bytes. */
    position: Count,
    size: Count,
    /** The chunks that, one behind the other, are its recipe. */
    recipe: Type.Array(Hash, { minItems: 1 }),
  },
  closed,
);

export const ManifestSchema = Type.Object(
  {
    format: Type.Literal(FORMAT_VERSION),
    id: Id,
    /** When it was committed, by the clock of its writer (ISO 8601, UTC). */
    created: Type.String({ maxLength: 40 }),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    labels: Type.Record(Type.String({ maxLength: 200 }), Type.String({ maxLength: 2000 })),
    /** The checkpoint that it was compared with. It does not need it: every checkpoint is whole. */
    parent: Type.Optional(Id),
    tree: TreeSummarySchema,
    sizes: Type.Object(
      {
        /** Bytes of the image. */
        logical: Count,
        /** Bytes of chunk contents that were not in the store before. */
        new: Count,
        /** Bytes that these took in packs. */
        stored: Count,
      },
      closed,
    ),
    durationMs: Count,
    segments: Type.Array(SegmentSchema, { minItems: 1 }),
    /** BLAKE3 over the ids of all recipe chunks; those hold the ids of all others. */
    root: Hash,
  },
  closed,
);

/** A checkpoint in the store. */
export type Manifest = Static<typeof ManifestSchema>;
export type ManifestSegment = Static<typeof SegmentSchema>;
export type TreeSummary = Static<typeof TreeSummarySchema>;

const checkShape = documentCheck(ManifestSchema);

/** `20261123t153926123-7f3a9c2e`: sorts by time, and is told apart by the random part. */
export function newManifestId(now = new Date()): string {
  const time = now
    .toISOString()
    .replaceAll(/[-:.Z]/g, '')
    .toLowerCase();
  return `${time}-${randomBytes(4).toString('hex')}`;
}

export const manifestRoot = (segments: readonly ManifestSegment[]): string =>
  hexId(contentHash().digest(Buffer.from(segments.flatMap(({ recipe }) => recipe).join(''), 'hex')));

export const manifestName = (id: string): string => objectName(KIND.manifests, id);

export const isManifestId = (id: string): boolean => ID_PATTERN.test(id);

/** Ids of all checkpoints, oldest first. @param remembers as for ObjectBackend.list() */
export async function listManifestIds(backend: ObjectBackend, remembers = false): Promise<string[]> {
  const objects = await backend.list(KIND.manifests, remembers);
  return objects.map(({ name }) => objectId(name)).filter(isManifestId);
}

/** @throws ENOENT no such checkpoint; EIO, EBADMSG, E2BIG its manifest is damaged */
export async function readManifest(backend: ObjectBackend, id: string, key?: Uint8Array): Promise<Manifest> {
  return checkManifest(id, await readDocument(backend, manifestName(id), key));
}

/** The document as the manifest of a checkpoint. @throws EBADMSG it is none */
export function checkManifest(id: string, document: unknown): Manifest {
  const name = manifestName(id);
  const manifest = checkShape(name, document);
  const { segments, sizes } = manifest;
  let position = 0;
  for (const segment of segments) {
    if (segment.position !== position) throw unsound(name, 'its segments do not follow on each other');
    position += segment.size;
  }
  if (manifest.id !== id) throw unsound(name, 'it says that it is another one');
  if (position !== sizes.logical) throw unsound(name, 'its segments do not make up its size');
  if (manifestRoot(segments) !== manifest.root)
    throw unsound(name, 'its recipes are not those that its root names');
  return manifest;
}

const unsound = (name: string, what: string): CkptError =>
  new CkptError('EBADMSG', `${name} is not as it should be: ${what}`, { path: name });
