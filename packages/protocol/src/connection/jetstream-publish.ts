import { API_TIMEOUT_MS, type Connection, NATS } from './connection.js';
import { headers } from './nats.js';
import { fromNats } from './nats-error.js';
import { whileConnected } from './while-connected.js';

export interface PublishOptions {
  /** Told twice within the stream's window, it is stored once. */
  readonly id: string;
  /** Stored only when the newest message of the subject has this sequence; 0: when there is none. */
  readonly lastSequence?: number;
  readonly timeoutMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Published {
  readonly sequence: number;
  /** It had been stored before. */
  readonly duplicate: boolean;
}

/** Stores a message in the stream that its subject belongs to. @throws as request() */
export async function jetstreamPublish(
  connection: Connection,
  subject: string,
  content: Uint8Array,
  { id, lastSequence, timeoutMs = API_TIMEOUT_MS, headers: fields = {} }: PublishOptions,
): Promise<Published> {
  const head = headers();
  for (const [field, value] of Object.entries(fields)) head.set(field, value);
  const what = `storing a message of ${subject}`;
  try {
    const work = connection[NATS].jetstream.publish(subject, content, {
      msgID: id,
      headers: head,
      timeout: timeoutMs,
      ...(lastSequence !== undefined && { expect: { lastSubjectSequence: lastSequence } }),
    });
    const { seq, duplicate } = await whileConnected(connection, what, work);
    return { sequence: seq, duplicate };
  } catch (error) {
    throw fromNats(error, { responder: 'JetStream', what, timeoutMs });
  }
}
