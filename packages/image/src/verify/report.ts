import { type Static, Type } from '@ckptree/schema';
import { FINDING_SCHEMA } from '../finding.js';

/** The document that `verifyImage` gives, as JSON Schema and as type. */

const strict = { additionalProperties: false };
const Count = Type.Integer({ minimum: 0 });

const Counts = Type.Object(
  {
    records: Count,
    tasks: Count,
    zombies: Type.Integer({ minimum: 0, description: 'tasks that have ended' }),
    fileTables: Count,
    descriptors: Count,
    files: Count,
    addressSpaces: Count,
    vmas: Count,
    pages: Count,
  },
  { ...strict, description: 'how many of each thing the image holds' },
);

/** Findings that are kept. */
export const MAX_FINDINGS = 1000;

export const VERIFY_SCHEMA = Type.Object(
  {
    ok: Type.Boolean({ description: 'the image keeps every rule: a strict reader takes it' }),
    findings: Type.Array(FINDING_SCHEMA, {
      maxItems: MAX_FINDINGS,
      description: 'every breach of a rule, in the order of the image',
    }),
    moreFindings: Type.Integer({ minimum: 0, description: 'how many more there were than are listed' }),
    counts: Counts,
    bytes: Type.Integer({ minimum: 0, description: 'of the image, as far as records could be told apart' }),
  },
  { ...strict, title: 'Whether a checkpoint image keeps the rules of its format' },
);

export type VerifyReport = Static<typeof VERIFY_SCHEMA>;
export type ImageCounts = VerifyReport['counts'];
