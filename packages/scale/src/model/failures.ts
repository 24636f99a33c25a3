import type { Assumptions } from '../costs/assumptions.js';

const YEAR = 365.25 * 86_400;

/** Seconds between failures of any of so many hosts. */
export const meanTimeBetweenFailures = (hosts: number, { failuresPerYear }: Assumptions): number =>
  YEAR / (hosts * failuresPerYear);

/**
 * The share of time in which a worker is gone and nobody knows: its connection is still open, and its heartbeat has not
 * run out. A closed connection is known at once: nats-server answers a request that nobody can receive itself.
 */
export const unknownLossShare = ({ failuresPerYear, silentShare, heartbeatTtl }: Assumptions): number =>
  (failuresPerYear / YEAR) * silentShare * heartbeatTtl;

/** As if no connection told: what the heartbeat alone would leave unknown. */
export const heartbeatLossShare = ({ failuresPerYear, heartbeatTtl }: Assumptions): number =>
  (failuresPerYear / YEAR) * heartbeatTtl;

/** Young's interval between checkpoints that loses least time: J. W. Young, CACM 17(9), 1974. */
export const bestInterval = (cost: number, meanTimeBetween: number): number =>
  Math.sqrt(2 * cost * meanTimeBetween);

/** Share of time lost to checkpoints and to work done again, at that interval (first order). */
export const lostShare = (interval: number, cost: number, meanTimeBetween: number): number =>
  cost / interval + interval / 2 / meanTimeBetween;
