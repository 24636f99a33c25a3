import { errorToData, isCkptError } from '@ckptree/errors';
import { type Logger, pino, stdTimeFunctions } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type Log = Logger;

/** What every line of the log says about whose it is. */
export interface LogIdentity {
  readonly role: string;
  readonly id: string;
}

/**
 * A log of JSON lines on stderr; stdout belongs to the announcement. Lines are written before the call returns, for
 * what a process says last before it dies is what people need most.
 */
export function createLog(identity: LogIdentity, level: LogLevel): Log {
  return pino(
    {
      level,
      base: { ...identity, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: loggedError },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}

/** Code, message, fields and causes; the stack only where it is somebody's mistake and not a refusal. */
export function loggedError(error: unknown): object {
  const data = errorToData(error);
  return isCkptError(error) || !(error instanceof Error) ? data : { ...data, stack: error.stack };
}
