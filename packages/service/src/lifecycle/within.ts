/**
 * Waits for work, but no longer than the deadline.
 * @returns whether it was done by then; work that is late is left to itself
 * @throws what the work throws in time
 */
export async function within(deadline: AbortSignal, work: Promise<unknown>): Promise<boolean> {
  if (deadline.aborted) {
    // Whoever gave up on it is not told how it failed.
    work.catch(() => undefined);
    return false;
  }
  let onAbort: (() => void) | undefined;
  const passed = new Promise<false>((resolve) => {
    onAbort = () => resolve(false);
    deadline.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work.then(() => true), passed]);
  } finally {
    if (onAbort !== undefined) deadline.removeEventListener('abort', onAbort);
  }
}
