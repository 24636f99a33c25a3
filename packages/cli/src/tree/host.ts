import { Kernel, type KernelOptions } from '@ckptree/kernel';

/** A kernel that lives as long as a command's work, or until that is interrupted. */
export interface Host {
  readonly kernel: Kernel;
  /** Ends its threads. All ends of tasks have been told then. May be called again. */
  readonly shutdown: () => Promise<void>;
}

/** Boots a kernel for some work, and sees to it that nothing of it is left behind. */
export async function withKernel<Result>(
  options: KernelOptions,
  signal: AbortSignal,
  work: (host: Host) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const kernel = Kernel.boot(options);
  let down: Promise<void> | undefined;
  const shutdown = (): Promise<void> => (down ??= kernel.shutdown());
  const onAbort = (): void => void shutdown();
  signal.addEventListener('abort', onAbort);
  try {
    return await work({ kernel, shutdown });
  } finally {
    signal.removeEventListener('abort', onAbort);
    await shutdown();
  }
}
