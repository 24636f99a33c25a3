import { API_TIMEOUT_MS, type Connection, NATS } from './connection.js';
import { apiErrorOf, fromNats, STREAM_NOT_FOUND } from './nats-error.js';
import { whileConnected } from './while-connected.js';

/** When a stream was made, in Unix milliseconds. @returns undefined when there is none @throws as request() */
export async function madeAt(connection: Connection, stream: string): Promise<number | undefined> {
  const what = `looking for ${stream}`;
  try {
    const info = connection[NATS].manager.streams.info(stream);
    return Date.parse((await whileConnected(connection, what, info)).created);
  } catch (error) {
    if (apiErrorOf(error) === STREAM_NOT_FOUND) return undefined;
    throw fromNats(error, { responder: 'JetStream', what, timeoutMs: API_TIMEOUT_MS });
  }
}
