import { setFlagsFromString } from 'node:v8';

/**
 * Lets the heap grow to some ten times what was live before it is collected again. This process lives on little (some
 * 16 MB), and bytes pass through it in buffers, which V8 counts as growth: at its own pace it would look through the whole
 * heap every few megabytes. Measured with uploads over NATS (docs/decisions/2026-11-25-carrying-objects.md): half of the
 * CPU seconds, and the same memory.
 */
export function tuneCollector(): void {
  setFlagsFromString('--heap-growing-percent=1000');
}
