import type { EventPublisher, NewEvent } from '@ckptree/protocol';

/** Tells the cluster what happens. Events are kept until they are durable; nobody need wait for that. */
export class Telling {
  readonly #publisher: EventPublisher;
  readonly #onError: (error: unknown) => void;

  constructor(publisher: EventPublisher, onError: (error: unknown) => void) {
    this.#publisher = publisher;
    this.#onError = onError;
  }

  /** @param id the same event has the same id, whoever tells it */
  tell(event: NewEvent, id: string): void {
    this.#publisher.publish(event, id).catch(this.#onError);
  }

  /** Resolves when the event is durable. @throws as EventPublisher.publish() */
  async told(event: NewEvent, id: string): Promise<void> {
    await this.#publisher.publish(event, id);
  }
}
