/** A worker does so many ticks of a task a second at most: the machine is for what is tried. */
export const TICKS_PER_SECOND = 20_000;
/** Pids from which a user's tree has its own. */
const PIDS = 1_000;

/** Of the first tree of a user, counted from 0, and of all its later ones. */
export const rootPidOf = (user: number): number => PIDS * (user + 1);

/** Whose task this is. */
export const userOf = (pid: number): number => Math.floor(pid / PIDS) - 1;

/**
 * Five tasks that work for some seconds, on whatever workers they are placed. Each checks in the end what it finds in its memory, and its
 * digest is of all that it did.
 */
export function treeOf(user: number, seconds: number): object {
  const pid = rootPidOf(user);
  const idle = (offset: number, share: number, pattern: string) => ({
    pid: pid + offset,
    program: 'idle',
    params: {
      memoryMiB: 2,
      ticks: Math.ceil(TICKS_PER_SECOND * seconds * share),
      seed: offset,
      writesPerTick: 1,
      pattern,
    },
  });
  return {
    root: {
      ...idle(0, 1, 'random'),
      children: [
        idle(1, 0.7, 'zero'),
        {
          ...idle(2, 0.6, 'text'),
          children: [{ pid: pid + 3, program: 'sieve', params: { limit: Math.ceil(1e6 * seconds) } }],
        },
        { pid: pid + 4, program: 'kvstore', params: {} },
      ],
    },
  };
}
