import type { Timing } from '../measure.js';

/** Something that keeps files: ckptree, or what it is held against. */
export interface Contestant {
  readonly name: string;
  /** Whether it notices what it has already. */
  readonly deduplicates: boolean;
  /** Begins with nothing stored. */
  fresh(): Promise<void>;
  put(): Promise<Timing>;
  /** Gives back the file that was put, durably. */
  restore(target: string): Promise<Timing>;
  storedBytes(): Promise<number>;
  close?(): Promise<void>;
}
