import type { Msg } from './nats.js';

/** A message that JetStream has delivered. */
export interface Delivered {
  readonly message: Msg;
  /** Where it stands in its stream. */
  readonly sequence: number;
  /** How many messages its consumer has delivered up to here, from 1: a gap means that some were lost. */
  readonly delivery: number;
  /** How often it was delivered, this time included. */
  readonly attempts: number;
  /** How many of the stream are left for the consumer. */
  readonly left: number;
  readonly time: Date;
}

/**
 * Everything that JetStream says of a delivery is in the subject which acknowledges it:
 * `$JS.ACK.<stream>.<consumer>.<attempts>.<sequence>.<delivery>.<nanoseconds>.<left>`, in clusters with a domain and an
 * account behind `$JS.ACK` and a random token at the end (ADR-15 of nats-architecture-and-design).
 * @returns undefined for what is no delivery: a status
 */
export function deliveryOf(message: Msg): Delivered | undefined {
  const tokens = (message.reply ?? '').split('.');
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || tokens.length < 9) return undefined;
  const numbers = tokens.length === 9 ? tokens.slice(4) : tokens.slice(6, 11);
  const [attempts = 0, sequence = 0, delivery = 0, nanoseconds = 0, left = 0] = numbers.map(Number);
  return { message, sequence, delivery, attempts, left, time: new Date(nanoseconds / 1e6) };
}
