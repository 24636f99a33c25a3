/** Figures of many samples. */
export class Samples {
  readonly #values: number[] = [];
  #sorted = true;

  add(value: number): void {
    this.#values.push(value);
    this.#sorted = false;
  }

  get count(): number {
    return this.#values.length;
  }

  get mean(): number {
    return this.#values.reduce((sum, value) => sum + value, 0) / this.#values.length;
  }

  get max(): number {
    return this.quantile(1);
  }

  /** The smallest value that at least this share of all do not exceed. */
  quantile(share: number): number {
    if (!this.#sorted) this.#values.sort((a, b) => a - b);
    this.#sorted = true;
    const index = Math.ceil(share * this.#values.length) - 1;
    return this.#values[Math.min(Math.max(index, 0), this.#values.length - 1)] ?? Number.NaN;
  }

  get median(): number {
    return this.quantile(0.5);
  }

  shareAtMost(limit: number): number {
    return this.#values.filter((value) => value <= limit).length / this.#values.length;
  }
}
