import { randomBytes } from 'node:crypto';
import { CkptError } from '@ckptree/errors';
import type { ObjectBackend } from './backend/object-backend.js';
import { KIND, objectId, objectName } from './layout.js';
import type { Owners } from './owner.js';

/** A lease is renewed so often. */
const RENEW_MS = 60_000;
/**
 * The lease of another host that was not renewed for so long is over, and so is one from so far in the future. Hosts that
 * share a store must have clocks that agree to a small part of it.
 */
export const FOREIGN_LEASE_MS = 30 * 60_000;
/** A lease that could not be deleted is tried so often, until others take it for over anyway. */
const RELEASE_ATTEMPTS = FOREIGN_LEASE_MS / RENEW_MS;
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
  /** The one under way. */
  #renewal: Promise<void> | undefined;

  private constructor(backend: ObjectBackend, owners: Owners) {
    this.#backend = backend;
    this.#owners = owners;
  }

  static async take(backend: ObjectBackend, owners: Owners): Promise<Lease> {
    const lease = new Lease(backend, owners);
    try {
      await lease.#renew();
    } catch (error) {
      await lease.release();
      throw error;
    }
    // A lease alone keeps no process alive. A failed renewal is tried again at the next turn, and shows in check(). There
    // is one at a time.
    lease.#timer = setInterval(() => {
      lease.#renewal ??= lease
        .#renew()
        .catch(() => undefined)
        .finally(() => {
          lease.#renewal = undefined;
        });
    }, RENEW_MS).unref();
    return lease;
  }

  /** The name that it has now. */
  get name(): string {
    return this.#names.at(-1)!;
  }

  /** @throws ETIMEDOUT others may by now believe that we are dead, and have deleted what we rely on */
  async check(): Promise<void> {
    // The name that it has before the list: a renewal meanwhile keeps it, and gives one that may not be in the list.
    if ((await this.#isThere(this.name)) && performance.now() - this.#renewedAt < TRUST_MS) return;
    throw new CkptError(
      'ETIMEDOUT',
      `the lease of this process on the store ${this.#backend.location} ended: it stood still for too long, or its clock is wrong; start again`,
    );
  }

  /**
   * Ends it. What it covered is done or given up by now, so a store that is out of reach fails nothing more: it is tried
   * again, and when this process ends, the lease is that of a dead one.
   */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    // A renewal under way may hang, and is not waited for. What it puts goes as soon as it is there.
    void this.#renewal?.then(() => giveBack(this.#backend, this.#names));
    await giveBack(this.#backend, [...this.#names]);
  }

  async #renew(): Promise<void> {
    const started = performance.now();
    const name = objectName(KIND.leases, `${this.holder}.${this.#owners.self}.${Date.now()}`);
    const last = this.#names.at(-1);
    if (name === last) return;
    try {
      await this.#backend.put(name, []);
      // Only now: if the last one is there still, no list was without both. Else others took us for dead, and a new name
      // must not hide that.
      if (last !== undefined && !(await this.#isThere(last))) return await this.#backend.delete(name);
    } catch (error) {
      this.#names.unshift(name); // it may be there all the same: it goes first
      throw error;
    }
    this.#names.push(name);
    this.#renewedAt = started;
    while (this.#names.length > 2) {
      await this.#backend.delete(this.#names[0]!);
      this.#names.shift();
    }
  }

  async #isThere(name: string): Promise<boolean> {
    return (await this.#backend.list(KIND.leases)).some((lease) => lease.name === name);
  }
}

/** Deletes the objects of a lease, now or as soon as the store can be reached again. */
async function giveBack(backend: ObjectBackend, names: readonly string[]): Promise<void> {
  const deleted = async (): Promise<boolean> => {
    try {
      for (const name of names) await backend.delete(name);
      return true;
    } catch {
      return false; // tried again
    }
  };
  let attempts = 1;
  if (await deleted()) return;
  const timer = setInterval(async () => {
    if ((await deleted()) || ++attempts >= RELEASE_ATTEMPTS) clearInterval(timer);
  }, RENEW_MS).unref();
}

/** All leases, also those of the dead. */
export async function listLeases(backend: ObjectBackend): Promise<LeaseInfo[]> {
  const objects = await backend.list(KIND.leases);
  return objects.flatMap(({ name }) => parseLease(name));
}

/** Whether an object of this name is a lease. */
export const isLeaseName = (name: string): boolean => parseLease(name).length === 1;

function parseLease(name: string): LeaseInfo[] {
  const [, holder, owner, renewed] = LEASE_ID.exec(objectId(name)) ?? [];
  if (holder === undefined || owner === undefined) return [];
  return [{ name, holder, owner, renewedMs: Number(renewed) }];
}

/** Removes the leases of writers that are dead. @returns those of the living */
export async function liveLeases(backend: ObjectBackend, owners: Owners): Promise<LeaseInfo[]> {
  for (;;) {
    const leases = await listLeases(backend);
    const over = leases.filter((lease) => isOver(lease, owners));
    if (over.length === 0) return leases;
    for (const { name } of over) await backend.delete(name);
    // Listed again: one that is gone now may just have been taken over by withLease().
  }
}

/** Its writer is dead, or stood still for so long that it will find out. A time that has yet to come tells no more than one long past. */
function isOver({ owner, renewedMs }: LeaseInfo, owners: Owners): boolean {
  const state = owners.state(owner);
  return state === 'dead' || (state === 'foreign' && Math.abs(Date.now() - renewedMs) > FOREIGN_LEASE_MS);
}

/**
 * Does something on behalf of a writer in another process, which may die meanwhile: the lease is held for it until that
 * is done. docs/store.md says why collectors cannot come in between.
 * @param name of the writer's lease, at any time
 * @throws EPERM the lease is over
 */
export async function withLease<T>(
  backend: ObjectBackend,
  owners: Owners,
  name: string,
  action: () => Promise<T>,
): Promise<T> {
  const [lease] = parseLease(name);
  if (lease === undefined)
    throw new CkptError('EINVAL', `${JSON.stringify(name)} is not the name of a lease`);
  const own = await takeOver(backend, owners, lease);
  try {
    const held = (await listLeases(backend)).some(
      (other) => other.holder === lease.holder && other.name !== own && !isOver(other, owners),
    );
    if (!held)
      throw new CkptError(
        'EPERM',
        `lease ${lease.holder} of the store ${backend.location} is over; start again`,
      );
    return await action();
  } finally {
    await giveBack(backend, [own]);
  }
}

/** @returns the name of a new object of the same holder */
async function takeOver(backend: ObjectBackend, owners: Owners, { holder }: LeaseInfo): Promise<string> {
  for (let renewed = Date.now(); ; renewed++) {
    const name = objectName(KIND.leases, `${holder}.${owners.self}.${renewed}`);
    if (await backend.put(name, [])) return name;
  }
}
