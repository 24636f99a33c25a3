/** Ascending from `first`, each `factor` times the one before, up to `last`, which is among them. */
export function steps(first: number, factor: number, last: number): number[] {
  const values: number[] = [];
  for (let value = first; value < last; value *= factor) values.push(value);
  return [...values, last];
}
