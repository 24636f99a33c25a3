/** A tree that has some of everything which a checkpoint must get right, and 256 MiB of memory in use. */
export const DEMO_TREE = {
  description: 'The tree of ckptree demo.',
  cpus: 2,
  memoryMiB: 2048,
  files: [{ name: 'text', path: 'text.txt' }],
  root: {
    comm: 'init',
    program: 'idle',
    params: { memoryMiB: 1, ticks: 300_000 },
    children: [
      // Memory under load: hash tables that are read, written and deleted from at random.
      { repeat: 8, comm: 'store', program: 'kvstore', params: { workingSetMiB: 24, operations: 200_000 } },
      // Address spaces and descriptor tables that several tasks share.
      {
        repeat: 2,
        comm: 'cache',
        program: 'idle',
        params: { memoryMiB: 32, ticks: 40_000, writesPerTick: 1 },
        children: [
          {
            repeat: 2,
            comm: 'cache-worker',
            program: 'idle',
            share: ['mm', 'files'],
            params: { memoryMiB: 8, ticks: 40_000, writesPerTick: 1 },
          },
        ],
      },
      // One open file under two numbers, in one table, for three tasks; two of them map it and write to their copy.
      {
        comm: 'reader',
        program: 'idle',
        params: { ticks: 40_000 },
        open: [
          { fd: 3, file: 'text' },
          { fd: 4, file: 'text' },
        ],
        children: [
          {
            repeat: 2,
            comm: 'rewriter',
            program: 'wordcount',
            share: ['files'],
            params: { path: 'text.txt', passes: 300 },
          },
        ],
      },
      { comm: 'primes', program: 'sieve', params: { limit: 12_000_000 } },
      // Thirteen processes that were forked from each other, share memory, and diverge.
      {
        comm: 'family',
        program: 'forktree',
        params: { depth: 2, fanout: 3, pages: 256, work: 80_000 },
        pid: 100,
      },
      // Children that have ended and were not waited for.
      { comm: 'undertaker', program: 'zombies', params: { count: 3, ticks: 40_000 }, pid: 200 },
    ],
  },
} as const;

/** The file that the tree reads and maps: 256 KiB of numbered sentences. */
export function demoText(): string {
  const sentence = 'a checkpoint holds every page that was written, and none that was only read.';
  return Array.from({ length: 3_000 }, (_, line) => `${line + 1}: ${sentence}\n`).join('');
}

/** The tree is worth saving when it has so much memory in use. */
export const DEMO_BYTES = 270 * 2 ** 20;
