/** Is told what the service does, for metrics. Must not throw. */
export interface StorageObserver {
  /** Bytes of objects that came over NATS. */
  received(bytes: number): void;
  sent(bytes: number): void;
  /** An object is durable. @param seconds since all of its bytes were here */
  stored(name: string, seconds: number): void;
  /** A claim check was redeemed, or refused. @param bytes of the file */
  adopted(bytes: number): void;
  refused(): void;
}

export const noObserver: StorageObserver = {
  received: () => undefined,
  sent: () => undefined,
  stored: () => undefined,
  adopted: () => undefined,
  refused: () => undefined,
};
