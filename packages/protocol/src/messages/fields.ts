import type { ErrorData } from '@ckptree/errors';
import { type Static, Type } from '@ckptree/schema';

/** Fields that several messages have. */

export const Count = (description?: string) =>
  Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    ...(description !== undefined && { description }),
  });

/** The largest pid: one less than PID_MAX_LIMIT on 64 bits (Linux 2.6.33, include/linux/threads.h). */
export const PID_MAX = 4_194_303;

export const Pid = (description = 'The task.') => Type.Integer({ minimum: 1, maximum: PID_MAX, description });

export const CheckpointId = (description = 'The checkpoint.') =>
  Type.String({ pattern: '^[0-9]{8}t[0-9]{9}-[0-9a-f]{8}$', description });

export const TreeId = (description = 'The tree.') =>
  Type.String({ pattern: '^t-[0-9a-f]{12}$', description });

/** One token of a subject. */
export const INSTANCE_PATTERN = '^[a-z0-9][a-z0-9-]{0,62}$';

export const WorkerId = (description = 'The worker.') =>
  Type.String({ pattern: INSTANCE_PATTERN, description });

export const InstanceId = (description: string) => Type.String({ pattern: INSTANCE_PATTERN, description });

export const Time = (description: string) =>
  Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?Z$',
    maxLength: 40,
    description: `${description} (ISO 8601, UTC).`,
  });

export const Hash = (description: string) => Type.String({ pattern: '^[0-9a-f]{64}$', description });

export const Name = (description = 'A name, need not be unique.') =>
  Type.String({ minLength: 1, maxLength: 200, description });

export const Labels = Type.Record(Type.String({ maxLength: 200 }), Type.String({ maxLength: 2_000 }), {
  maxProperties: 64,
  description: 'Labels, for finding it again.',
});
export type Labels = Static<typeof Labels>;

export const Text = (description: string) => Type.String({ maxLength: 16_384, description });

/** Given by whoever may have to send a request twice; both are then one. */
export const IdempotencyKey = Type.String({
  minLength: 1,
  maxLength: 256,
  description: 'Requests with the same key are one request, however often it is sent.',
});

/** A page of a long list, as requests ask for it. */
export const pageRequest = {
  after: Type.Optional(Count('From what is behind this: what the page before said in `next`.')),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 5_000, description: 'Entries, 1000 if absent.' })),
};

export const Next = Type.Optional(Count('There is more: ask again with this as `after`.'));

export const Workers = Type.Array(WorkerId(), { maxItems: 10_000 });

export const Placement = Type.Record(Type.String({ pattern: '^[1-9][0-9]{0,6}$' }), WorkerId(), {
  maxProperties: 100_000,
  description:
    'Which worker hosts a task, by pid. Tasks that share an address space cannot be apart; those that are not named are placed.',
});
export type Placement = Static<typeof Placement>;

export const Signal = Type.Union([Type.Literal('freeze'), Type.Literal('thaw'), Type.Literal('kill')], {
  description: 'What to do to the task and all below it.',
});
export type Signal = Static<typeof Signal>;

/** Which checkpoints to keep, of each name by itself; one that any rule keeps is kept. */
const rules = (rule: (description: string) => ReturnType<typeof Count>) => ({
  keepLast: Type.Optional(rule('The newest so many.')),
  keepHourly: Type.Optional(rule('The newest of each of the last so many hours that have any.')),
  keepDaily: Type.Optional(rule('The same for days.')),
  keepWeekly: Type.Optional(rule('The same for weeks.')),
  keepWithinMs: Type.Optional(rule('All that are younger, milliseconds.')),
});

export const RetentionPolicy = Type.Object(rules(Count), {
  description: 'Which checkpoints to keep, of each name by itself. Without rules all are kept.',
});
export type RetentionPolicy = Static<typeof RetentionPolicy>;

/** A policy that somebody sets. A rule that is not known would keep nothing, and what it was to keep would be lost: so it is refused. */
export const NewRetentionPolicy = Type.Object(
  rules((description) => Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description })),
  {
    additionalProperties: false,
    description:
      'Which checkpoints to keep from now on, of each name by itself; no other rules are known. Without rules all are kept.',
  },
);

const ErrorPlace = Type.Object(
  {
    pid: Type.Optional(Type.Integer()),
    comm: Type.Optional(Type.String()),
    object: Type.Optional(Type.String()),
    objref: Type.Optional(Type.Integer()),
    vma: Type.Optional(Type.String()),
    position: Type.Optional(Type.Number()),
    path: Type.Optional(Type.String()),
    worker: Type.Optional(Type.String()),
    field: Type.Optional(
      Type.String({ description: 'The field of the message at fault, as a JSON pointer.' }),
    ),
  },
  { description: 'Where it happened, as far as known.' },
);

/** An error as it travels: `ErrorData` of packages/errors. */
export const Failure = Type.Object(
  {
    code: Type.String({
      pattern: '^E[A-Z0-9]{1,31}$',
      description: 'EBUSY, ENOENT, ...: by this errors are told apart.',
    }),
    message: Text('What happened and what to do about it, in one sentence.'),
    fields: ErrorPlace,
    cause: Type.Optional(
      Type.Unsafe<ErrorData>({
        type: 'object',
        description: 'The error underneath, of the same form.',
      }),
    ),
  },
  { description: 'What went wrong.' },
);

/** What is told of something that is done again and again. */
export const lastRun = {
  lastRun: Type.Optional(Time('When it was done last')),
  lastError: Type.Optional(Failure),
};
