/** How objects are carried. */
export type Way = 'nats' | 'volume';

/** Is told what is carried, for metrics. Must not throw. */
export interface CarrierObserver {
  read(bytes: number, way: Way): void;
  /** An object is durable. @param seconds since its first byte was sent */
  written(bytes: number, way: Way, seconds: number): void;
  /** Bytes that are sent and not durable yet have changed by so many. */
  underWay(bytes: number): void;
  /** Something is tried again. */
  retried(): void;
}

export const noObserver: CarrierObserver = {
  read: () => undefined,
  written: () => undefined,
  underWay: () => undefined,
  retried: () => undefined,
};
