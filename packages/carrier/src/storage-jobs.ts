import { CkptError, isCkptError } from '@ckptree/errors';
import {
  type Connection,
  isUnanswered,
  type ReplyOf,
  type RequestOf,
  request,
  storage,
  storageAt,
} from '@ckptree/protocol';
import { isTransient, Patience, type PatienceOptions } from './patience.js';

/** A service that has left so many questions unanswered, one after the other, is gone. */
const JOB_ATTEMPTS = 3;
/** A job over which so many services have died may be what they die of. */
const JOB_SERVICES = 3;

type JobReply = ReplyOf<ReturnType<typeof storageAt>['job']['definition']>;
export type GcSummary = NonNullable<JobReply['gc']>;
export type VerifySummary = NonNullable<JobReply['verify']>;

/** Has a storage service delete what no checkpoint needs, and waits for that. When the service dies, another begins anew. */
export async function collectGarbage(
  connection: Connection,
  options: RequestOf<typeof storage.gc.definition> & PatienceOptions = {},
): Promise<GcSummary> {
  const { dryRun, waitMs, ...patience } = options;
  const body = { ...(dryRun !== undefined && { dryRun }), ...(waitMs !== undefined && { waitMs }) };
  const { gc } = await runJob(connection, patience, (attempt) =>
    request(connection, storage.gc, body, attempt),
  );
  return gc ?? missing('gc');
}

/** Has a storage service check the whole store, and waits for that. */
export async function verifyStorage(
  connection: Connection,
  options: RequestOf<typeof storage.verify.definition> & PatienceOptions = {},
): Promise<VerifySummary> {
  const { readData, sample, ...patience } = options;
  const body = { ...(readData !== undefined && { readData }), ...(sample !== undefined && { sample }) };
  const { verify } = await runJob(connection, patience, (attempt) =>
    request(connection, storage.verify, body, attempt),
  );
  return verify ?? missing('verify');
}

async function runJob(
  connection: Connection,
  options: PatienceOptions,
  begin: (attempt: object) => Promise<{ readonly instance: string; readonly job: string }>,
): Promise<JobReply> {
  const patience = new Patience(connection, options);
  for (let services = 1; ; services++) {
    let underWay = false;
    try {
      return await patience.persist('a job of the storage service', async () => {
        const { instance, job } = await patience.persist('beginning a job of the storage service', begin);
        for (;;) {
          const reply = await reportOf(connection, { instance, job }, options.signal);
          if (reply.done) return reply;
          underWay = true;
        }
      });
    } catch (error) {
      // One that ran for long has used up the patience before its service died: the next has its own.
      if (!underWay || !isTransient(error) || services === JOB_SERVICES) throw error;
    }
  }
}

/** Of a job that may have run for long: one answer that is lost does not end it. */
async function reportOf(
  connection: Connection,
  { instance, job }: { readonly instance: string; readonly job: string },
  signal: AbortSignal | undefined,
): Promise<JobReply> {
  for (let unanswered = 1; ; unanswered++)
    try {
      return await request(
        connection,
        storageAt(instance).job,
        { job },
        signal === undefined ? {} : { signal },
      );
    } catch (error) {
      if (!isCkptError(error) || !isUnanswered(error) || unanswered === JOB_ATTEMPTS) throw error;
    }
}

function missing(what: string): never {
  throw new CkptError('EBADMSG', `a storage service ended a ${what} without a report`);
}
