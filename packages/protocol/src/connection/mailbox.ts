import { CkptError } from '@ckptree/errors';

/** Things that come in while nobody asks, for one reader who asks for them one by one. */
export class Mailbox<T> {
  readonly #items: T[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: Error | undefined;

  get ended(): boolean {
    return this.#ended;
  }

  put(item: T): void {
    if (this.#ended) return;
    this.#items.push(item);
    this.#wake?.();
  }

  /** What is in it is still read; then comes the end, or the error. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  /** Takes out all that has not been read. */
  rest(): T[] {
    return this.#items.splice(0);
  }

  /**
   * @returns undefined at the end
   * @throws EAGAIN nothing came for so long; the error of `end`
   */
  async next(timeoutMs: number): Promise<T | undefined> {
    if (this.#items.length === 0 && !this.#ended) await this.#arrival(timeoutMs);
    const item = this.#items.shift();
    if (item === undefined && this.#error !== undefined) throw this.#error;
    return item;
  }

  #arrival(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#wake = undefined;
        reject(new CkptError('EAGAIN', `the NATS server was silent for ${timeoutMs} ms`));
      }, timeoutMs);
      this.#wake = () => {
        this.#wake = undefined;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
