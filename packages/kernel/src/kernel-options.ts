import { CkptError } from '@ckptree/errors';

export interface KernelOptions {
  /** Threads that run tasks; default: as many as the machine has cores. */
  readonly cpus?: number;
  /** Most ticks that each cpu executes in a second, of all its tasks together; default: as many as the host can. */
  readonly ticksPerSecond?: number;
  /** Simulated physical memory in bytes; default: half of the machine's. The host commits it as it is touched, or by populate(). */
  readonly memoryBytes?: number;
  /** Default 131,072. */
  readonly maxTasks?: number;
  /** Default 262,144. */
  readonly maxOpenFiles?: number;
}

/** @throws EINVAL an option is out of range */
export function checkKernelOptions(options: KernelOptions): void {
  const { cpus = 1, ticksPerSecond = 1, maxTasks = 1, maxOpenFiles = 1 } = options;
  for (const [name, value, most] of [
    ['cpus', cpus, 64],
    ['ticksPerSecond', ticksPerSecond, 1_000_000_000],
    ['maxTasks', maxTasks, 4_000_000],
    ['maxOpenFiles', maxOpenFiles, 16_000_000],
  ] as const)
    if (!Number.isInteger(value) || value < 1 || value > most)
      throw new CkptError('EINVAL', `${name} is ${value}; it must be from 1 to ${most}`, { field: name });
}
