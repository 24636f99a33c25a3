import { createHash } from 'node:crypto';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** A stream of random numbers of its own for each use, so that a change to one model leaves the others as they were. */
export class Random {
  readonly #generator: RandomGenerator;

  private constructor(generator: RandomGenerator) {
    this.#generator = generator;
  }

  /** The same seed and name give the same numbers. */
  static stream(seed: number, name: string): Random {
    const digest = createHash('sha256').update(`${seed} ${name}`).digest();
    return new Random(xoroshiro128plus(digest.readInt32LE(0)));
  }

  /** From 0 up to, but never, 1. */
  uniform(): number {
    return uniformFloat64(this.#generator);
  }

  /** From 0 up to, but never, `count`. */
  integer(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  exponential(mean: number): number {
    return -mean * Math.log1p(-this.uniform());
  }

  /** A heavy tail: P(value > x) = (least / x) ^ alpha. */
  pareto(least: number, alpha: number): number {
    return least * (1 - this.uniform()) ** (-1 / alpha);
  }

  /** How many of `trials` come true, each with this probability. */
  binomial(trials: number, probability: number): number {
    if (probability <= 0) return 0;
    // Gaps between successes are geometric: as cheap as there are successes.
    let count = 0;
    for (let at = this.#gap(probability); at < trials; at += 1 + this.#gap(probability)) count++;
    return count;
  }

  #gap(probability: number): number {
    return probability >= 1 ? 0 : Math.floor(Math.log1p(-this.uniform()) / Math.log1p(-probability));
  }
}
