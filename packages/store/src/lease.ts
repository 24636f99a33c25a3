import { randomBytes } from 'node:crypto';
import { CkptError } from '@ckptree/errors';
import type { ObjectBackend } from './backend/object-backend.js';
import { KIND, objectId, objectName } from './layout.js';
import type { Owners } from './owner.js';

/** A lease is renewed so often. */
const RENEW_MS = 60_000;
/**
 * The lease of another host that was not renewed for so long is over. Hosts that share a store must have clocks that
 * agree to a small part of it.
 */
export const FOREIGN_LEASE_MS = 30 * 60_000;
/** A writer that could not renew for so long no longer relies on its lease. */
const TRUST_MS = FOREIGN_LEASE_MS / 3;

/** `<random>.<host>.<pid>.<start>.<renewed>`: the name says all, so that a list is enough. */
const LEASE_ID = /^([0-9a-f]{16})\.(.+)\.([0-9]{1,16})$/;

/** Somebody who writes. */
export interface LeaseInfo {
  /** Object name. */
  readonly name: string;
  /** The same over renewals. */
  readonly holder: string;
  readonly owner: string;
  readonly renewedMs: number;
}

/**
 * The word of a writer that it is at work: what it put into the store, or found there, must stay until it ends. It is
 * an object that is renewed under new names, for objects never change.
 */
export class Lease {
  readonly holder = randomBytes(8).toString('hex');
  readonly #backend: ObjectBackend;
  readonly #owners: Owners;
  /** The current one last. The one before it is kept, so that a list taken during a renewal shows one of them. */
  #names: string[] = [];
  /** By the monotonic clock. */
  #renewedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> = Promise.resolve();

  private constructor(backend: ObjectBackend, owners: Owners) {
    this.#backend = backend;
    this.#owners = owners;
  }

  static async take(backend: ObjectBackend, owners: Owners): Promise<Lease> {
    const lease = new Lease(backend, owners);
    await lease.#renew();
    // A lease alone keeps no process alive. A failed renewal is tried again at the next turn, and shows in trusted().
    lease.#timer = setInterval(() => {
      lease.#renewal = lease.#renew().catch(() => undefined);
    }, RENEW_MS).unref();
    return lease;
  }

  /** @throws ETIMEDOUT others may by now believe that we are dead, and have deleted what we rely on */
  async check(): Promise<void> {
    const known = await this.#backend.list(KIND.leases);
    if (
      known.some(({ name }) => name === this.#names.at(-1)) &&
      performance.now() - this.#renewedAt < TRUST_MS
    )
      return;
    throw new CkptError(
      'ETIMEDOUT',
      `this process stood still for so long that its lease on the store ${this.#backend.location} ended; start again`,
    );
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewal;
    for (const name of this.#names) await this.#backend.delete(name);
  }

  async #renew(): Promise<void> {
    const started = performance.now();
    const name = objectName(KIND.leases, `${this.holder}.${this.#owners.self}.${Date.now()}`);
    await this.#backend.put(name, []);
    if (this.#names.at(-1) !== name) this.#names.push(name);
    this.#renewedAt = started;
    while (this.#names.length > 2) await this.#backend.delete(this.#names.shift()!);
  }
}

/** All leases, also those of the dead. */
export async function listLeases(backend: ObjectBackend): Promise<LeaseInfo[]> {
  const objects = await backend.list(KIND.leases);
  return objects.flatMap(({ name }) => {
    const [, holder, owner, renewed] = LEASE_ID.exec(objectId(name)) ?? [];
    if (holder === undefined || owner === undefined) return [];
    return [{ name, holder, owner, renewedMs: Number(renewed) }];
  });
}

/** Removes the leases of writers that are dead. @returns those of the living */
export async function liveLeases(backend: ObjectBackend, owners: Owners): Promise<LeaseInfo[]> {
  const live: LeaseInfo[] = [];
  for (const lease of await listLeases(backend)) {
    const state = owners.state(lease.owner);
    const over = state === 'dead' || (state === 'foreign' && Date.now() - lease.renewedMs > FOREIGN_LEASE_MS);
    if (over) await backend.delete(lease.name);
    else live.push(lease);
  }
  return live;
}
