/** How long a record may be, its header included, in bytes. */
export interface Lengths {
  fits(length: number): boolean;
  /** The length to believe where `len` is damaged, if there is one. */
  readonly likely?: number;
  /** For messages: `72 bytes`. */
  readonly text: string;
}

/** One of these; the first one is the usual. */
export const exactly = (...lengths: readonly [number, ...number[]]): Lengths => ({
  fits: (length) => lengths.includes(length),
  likely: lengths[0],
  text: `${lengths.join(' or ')} bytes`,
});

export const between = (least: number, most: number): Lengths => ({
  fits: (length) => length >= least && length <= most,
  text: `${least} to ${most} bytes`,
});

export const atLeast = (least: number): Lengths => ({
  fits: (length) => length >= least,
  text: `at least ${least} bytes`,
});
