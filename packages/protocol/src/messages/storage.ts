import { Type } from '@ckptree/schema';
import { message } from './definition.js';
import { CheckpointId, Count, Hash, InstanceId } from './fields.js';

const MIB = 2 ** 20;

const ObjectName = Type.String({
  pattern: '^(?:[a-z]{1,32}/)?[a-z0-9][a-z0-9._-]{0,199}$',
  description: 'Name of the object: `kind/name`, or one word.',
});
const Kind = Type.String({ pattern: '^[a-z]{1,32}$', description: 'The kind: `packs`, `manifests`, ...' });
const UploadId = Type.String({ pattern: '^[0-9a-f]{16}$', description: 'The upload.' });
const Credits = Type.Integer({
  minimum: 0,
  maximum: 1_024,
  description: 'Pieces that may be under way at once, from now on.',
});
const Created = Type.Boolean({ description: 'False when the name was taken: that object stays as it is.' });
const Same = Type.Optional(
  Type.Boolean({
    description:
      'When the name was taken and `again` was said: the object that is there has the same content.',
  }),
);
/** What every way of creating an object has. */
const creation = {
  lease: Type.Optional(
    Type.String({
      pattern: '^leases/[a-z0-9._-]{1,200}$',
      description: 'The lease of the writer, for an object that must not appear once that lease is over.',
    }),
  ),
  again: Type.Optional(
    Type.Boolean({
      description: 'This was asked before, and the answer did not come: the object may be ours.',
    }),
  ),
};
const JobId = Type.String({ pattern: '^[0-9a-f]{16}$', description: 'The job.' });
/** What is answered to work that may take longer than anybody waits for an answer. */
const jobReply = {
  instance: InstanceId('Who does it.'),
  job: JobId,
};
const GcReport = Type.Object({
  deletedPacks: Count('Packs that were deleted.'),
  freedBytes: Count('Their bytes.'),
  rewrittenBytes: Count('Bytes of them that were still needed, and were written anew.'),
  waitingPacks: Count(
    'Packs that are given up, and stay until writers have ended, or because something in them is damaged.',
  ),
  waitingFor: Count('Those writers.'),
});
const VerifyReport = Type.Object({
  ok: Type.Boolean({ description: 'All is well.' }),
  checkpoints: Count('Checkpoints that were checked.'),
  packs: Count('Packs that were checked.'),
  chunks: Count('Chunks that are there.'),
  chunksRead: Count('Chunks whose content was read.'),
  findings: Type.Array(
    Type.Object({
      object: Type.String({ maxLength: 4_096, description: 'The object at fault.' }),
      message: Type.String({ maxLength: 4_096 }),
    }),
    { maxItems: 1_000, description: 'What is wrong with objects; the first 1000.' },
  ),
  damaged: Type.Array(
    Type.Object({
      checkpoint: CheckpointId(),
      lostRanges: Count('Stretches of memory whose pages are lost.'),
      lostSegments: Count('Stretches of the image whose records are lost.'),
      error: Type.Optional(Type.String({ maxLength: 4_096, description: 'Why none of it can be read.' })),
    }),
    { maxItems: 1_000, description: 'Checkpoints that suffer from it; the first 1000.' },
  ),
});

const name = 'packs/0f3a9c2e51b7d846';
const hash = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262';
const upload = '9c2e51b7d8460f3a';

/** What the storage services serve as a queue group: any of them answers. */
export const storageMessages = {
  info: message({
    summary: 'Describes the store, and how a writer may bring packs.',
    request: {},
    reply: {
      instance: InstanceId('Who answers.'),
      store: Type.String({ maxLength: 4_095, description: 'Where the store is, for messages.' }),
      storeId: Type.String({ pattern: '^[0-9a-f]{32}$', description: 'Which store it is.' }),
      pieceBytes: Count('Largest content of a piece, a put or a read.'),
      volume: Type.Optional(
        Type.Object(
          {
            path: Type.String({ maxLength: 4_095, description: 'Its folder, on hosts that have it.' }),
            mark: Type.String({
              pattern: '^[0-9a-f]{32}$',
              description: 'What the file `.volume` there says: who reads the same has the same volume.',
            }),
          },
          { description: 'The store is in a folder that other hosts may share: claim checks are taken.' },
        ),
      ),
    },
    example: {
      request: {},
      reply: {
        instance: 'storage-1',
        store: '/var/lib/ckptree',
        storeId: '0f3a9c2e51b7d8460f3a9c2e51b7d846',
        pieceBytes: MIB,
      },
    },
  }),

  read: message({
    summary: 'Reads a range of an object.',
    request: {
      name: ObjectName,
      position: Count('First byte.'),
      length: Type.Integer({ minimum: 0, maximum: 8 * MIB, description: 'Bytes; fewer come at the end.' }),
    },
    reply: {},
    payload: { reply: 'The bytes.' },
    timeoutMs: 15_000,
    example: { request: { name, position: 0, length: 4_096 }, reply: {} },
  }),

  list: message({
    summary: 'Lists objects of a kind, ascending by name.',
    request: {
      kind: Kind,
      after: Type.Optional(ObjectName),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 5_000, description: '5000 if absent.' })),
    },
    reply: {
      objects: Type.Array(Type.Object({ name: ObjectName, size: Count('Bytes.') }), { maxItems: 5_000 }),
      more: Type.Boolean({ description: 'Ask again with the last name as `after`.' }),
    },
    timeoutMs: 15_000,
    example: { request: { kind: 'packs' }, reply: { objects: [{ name, size: 16 * MIB }], more: false } },
  }),

  delete: message({
    summary: 'Deletes an object, if it is there.',
    request: { name: ObjectName },
    reply: {},
    timeoutMs: 15_000,
    example: { request: { name }, reply: {} },
  }),

  put: message({
    summary: 'Creates a small object, whole and durable, unless one of that name exists.',
    request: { name: ObjectName, ...creation },
    reply: { created: Created, same: Same },
    payload: { request: 'The content.' },
    maxBytes: 8 * MIB,
    timeoutMs: 30_000,
    example: { request: { name: 'condemned/0f3a9c2e51b7d8460f3a9c2e51b7d846' }, reply: { created: true } },
  }),

  begin: message({
    summary: 'Begins an upload of an object in pieces; those go to the instance which answers.',
    request: { name: ObjectName, size: Count('Bytes of the object.') },
    reply: {
      instance: InstanceId('Where the pieces go.'),
      upload: UploadId,
      pieceBytes: Count('Largest piece.'),
      credits: Credits,
    },
    timeoutMs: 15_000,
    example: {
      request: { name, size: 16 * MIB },
      reply: { instance: 'storage-1', upload, pieceBytes: MIB, credits: 8 },
    },
  }),

  adopt: message({
    summary:
      'Claim check: a file that was written to `incoming/` of the shared volume becomes an object, once it is checked.',
    request: {
      name: ObjectName,
      incoming: Type.String({
        pattern: '^[a-z0-9][a-z0-9._-]{0,199}$',
        description: 'Name of the file in `incoming/`. It is durable already.',
      }),
      size: Count('Its bytes.'),
      hash: Hash(
        'BLAKE3 of its bytes; with `parts`, of the BLAKE3 hashes (32 bytes each) of these, one behind the other.',
      ),
      parts: Type.Optional(
        Type.Array(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), {
          minItems: 1,
          maxItems: 4_096,
          description: 'Bytes of each part that was hashed by itself; they make up the file.',
        }),
      ),
      ...creation,
    },
    reply: { created: Created, same: Same },
    timeoutMs: 60_000,
    example: { request: { name, incoming: 'worker-1.0f3a', size: 16 * MIB, hash }, reply: { created: true } },
  }),

  gc: message({
    summary: 'Begins to delete what no checkpoint uses; ask the instance that answers for the report.',
    request: {
      dryRun: Type.Optional(Type.Boolean({ description: 'Only tell.' })),
      waitMs: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 86_400_000,
          description: 'How long to wait for writers that began before; 0 if absent.',
        }),
      ),
    },
    reply: jobReply,
    timeoutMs: 15_000,
    example: { request: {}, reply: { instance: 'storage-1', job: upload } },
  }),

  verify: message({
    summary: 'Begins to check the whole store; ask the instance that answers for the report.',
    request: {
      readData: Type.Optional(Type.Boolean({ description: 'Also read chunks and check every byte.' })),
      sample: Type.Optional(
        Type.Number({ minimum: 0, maximum: 1, description: 'Of all chunks, this share, drawn at random.' }),
      ),
    },
    reply: jobReply,
    timeoutMs: 15_000,
    example: { request: { readData: true }, reply: { instance: 'storage-1', job: upload } },
  }),

  forget: message({
    summary:
      'Deletes the manifests of checkpoints: they are no longer listed; `gc` takes what only they used.',
    request: { checkpoints: Type.Array(CheckpointId(), { minItems: 1, maxItems: 1_000 }) },
    reply: { forgotten: Type.Array(CheckpointId(), { maxItems: 1_000 }) },
    timeoutMs: 60_000,
    example: {
      request: { checkpoints: ['20261123t153926123-7f3a9c2e'] },
      reply: { forgotten: ['20261123t153926123-7f3a9c2e'] },
    },
  }),
};

/** What one storage service serves: the rest of an upload that it began. */
export const storageInstanceMessages = {
  piece: message({
    summary: 'A piece of an upload. It may be sent again.',
    request: { upload: UploadId, position: Count('Its first byte in the object.') },
    reply: { credits: Credits },
    payload: { request: 'The bytes.' },
    maxBytes: 8 * MIB,
    timeoutMs: 30_000,
    example: { request: { upload, position: 0 }, reply: { credits: 8 } },
  }),

  finish: message({
    summary: 'Ends an upload: the object is there and durable when this is answered.',
    request: { upload: UploadId, hash: Hash('BLAKE3 of the whole object.'), ...creation },
    reply: { created: Created, same: Same },
    timeoutMs: 60_000,
    example: { request: { upload, hash }, reply: { created: true } },
  }),

  drop: message({
    summary: 'Gives up an upload.',
    request: { upload: UploadId },
    reply: {},
    example: { request: { upload }, reply: {} },
  }),

  job: message({
    summary:
      'Waits for the end of a gc or verify that this instance does. What made it fail is the answer then.',
    request: {
      job: JobId,
      waitMs: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 10_000, description: 'How long; 5000 if absent.' }),
      ),
    },
    reply: {
      done: Type.Boolean({ description: 'False: ask again.' }),
      gc: Type.Optional(GcReport),
      verify: Type.Optional(VerifyReport),
    },
    timeoutMs: 20_000,
    example: {
      request: { job: upload },
      reply: {
        done: true,
        gc: { deletedPacks: 3, freedBytes: 2 ** 24, rewrittenBytes: 0, waitingPacks: 1, waitingFor: 1 },
      },
    },
  }),
};
