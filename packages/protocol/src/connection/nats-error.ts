import { CkptError, isCkptError } from '@ckptree/errors';
import { ErrorCode, NatsError } from './nats.js';

/** Who was asked, for messages. */
interface Asked {
  /** `the coordinator`, `worker w1`, `the NATS server`. */
  readonly responder: string;
  /** What was asked: `worker.prepare`. */
  readonly what: string;
  readonly timeoutMs: number;
}

/** A failure of the NATS client, or of the server, as an error of ours that says who did not do what. */
export function fromNats(error: unknown, { responder, what, timeoutMs }: Asked): CkptError {
  if (isCkptError(error)) return error;
  const { code, message } = describe(error);
  switch (code) {
    case ErrorCode.NoResponders:
      return new CkptError(
        'EAGAIN',
        `${responder} is not there to answer ${what}; is it running?`,
        {},
        error,
      );
    case ErrorCode.Timeout:
    case ErrorCode.JetStreamIdleHeartBeat:
      return new CkptError(
        'ETIMEDOUT',
        `${responder} did not answer ${what} within ${timeoutMs} ms`,
        {},
        error,
      );
    case ErrorCode.PermissionsViolation:
      return new CkptError(
        'EPERM',
        `the NATS user of this connection may not do ${what}: ${message}`,
        {},
        error,
      );
    case ErrorCode.AuthorizationViolation:
    case ErrorCode.BadAuthentication:
    case ErrorCode.BadCreds:
    case ErrorCode.AuthenticationExpired:
    case ErrorCode.AuthenticationTimeout:
    case ErrorCode.AccountExpired:
      return new CkptError('EPERM', `the NATS server does not let this user in: ${message}`, {}, error);
    case ErrorCode.MaxPayloadExceeded:
      return new CkptError(
        'E2BIG',
        `${what} is larger than the NATS server takes (max_payload); ckptree wants 8 MiB there`,
        {},
        error,
      );
    case ErrorCode.ConnectionClosed:
    case ErrorCode.ConnectionDraining:
    case ErrorCode.Disconnect:
    case ErrorCode.SubClosed:
      return new CkptError('EPIPE', `the connection to the NATS server was closed during ${what}`, {}, error);
    default:
      return new CkptError('EIO', `${what} failed at the NATS server: ${message}`, {}, error);
  }
}

export function describe(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof NatsError) {
    const { code, message } = error;
    // All that the client says is `tls`.
    const isPlain = code === ErrorCode.ServerOptionNotAvailable && message === 'tls';
    return { code, message: isPlain ? 'TLS was asked for, and it has none' : message };
  }
  return { code: '', message: error instanceof Error ? error.message : String(error) };
}

/** What the API of JetStream says of a stream that is not there. */
export const STREAM_NOT_FOUND = 10_059;

/** Number of the error in the API of JetStream (server/errors.json of nats-server), if it is one. */
export const apiErrorOf = (error: unknown): number | undefined =>
  error instanceof NatsError ? error.api_error?.err_code : undefined;

/** Nobody was there to take the request: it was not begun, and may be sent again whatever it asks. */
export const isUnserved = ({ code, cause }: CkptError): boolean =>
  code === 'EAGAIN' && describe(cause).code === ErrorCode.NoResponders;

/** It was sent, and no answer came: what became of it is not known. An answer that says ETIMEDOUT is another thing. */
export const isUnanswered = ({ code, cause }: CkptError): boolean =>
  code === 'ETIMEDOUT' && describe(cause).code === ErrorCode.Timeout;
