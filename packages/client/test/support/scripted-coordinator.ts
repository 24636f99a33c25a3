import { CkptError } from '@ckptree/errors';
import {
  type CheckpointRequest,
  type Connection,
  coordinator,
  type Endpoints,
  EventPublisher,
  type Handler,
  type NewEvent,
  type Served,
  serve,
  takeRequests,
} from '@ckptree/protocol';

type Verbs = typeof coordinator;
type Handlers = { readonly [Verb in keyof Verbs]?: Handler<Verbs[Verb]['definition']> };

/** What a scripted coordinator does for a checkpoint: events but for what all of that checkpoint have. */
export type Script = (request: CheckpointRequest) => AsyncIterable<Step> | Iterable<Step>;
type Distribute<Event> = Event extends NewEvent
  ? Omit<Event, 'checkpoint' | 'pid' | 'tree' | 'name' | 'labels'>
  : never;
export type Step = Distribute<Extract<NewEvent, { checkpoint: string; pid: number }>>;

/** Answers as a coordinator would, with what a test gives it, over the real protocol and a real server. */
export class ScriptedCoordinator {
  readonly requests: CheckpointRequest[] = [];
  readonly #connection: Connection;
  readonly #served: Served[];
  readonly #abort = new AbortController();
  readonly #publisher: EventPublisher;
  readonly #work: Promise<void>;

  constructor(connection: Connection, handlers: Handlers, script: Script = () => []) {
    this.#connection = connection;
    this.#publisher = new EventPublisher(connection);
    this.#served = Object.entries(handlers).map(([verb, handler]) =>
      serve(connection, coordinator[verb as keyof Verbs] as Endpoints<never>[never], handler as never),
    );
    this.#work = this.#take(script);
  }

  /** It is there: whoever asks from now on is served. */
  ready(): Promise<void> {
    return this.#connection.flush();
  }

  async publish(event: NewEvent, id: string): Promise<void> {
    await this.#publisher.publish(event, id);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await Promise.all([this.#work, ...this.#served.map((served) => served.stop())]);
    await this.#publisher.close();
  }

  async #take(script: Script): Promise<void> {
    for await (const { request, ack } of takeRequests(this.#connection, { signal: this.#abort.signal })) {
      this.requests.push(request);
      if (!(await ack())) throw new CkptError('EIO', 'a request could not be acknowledged');
      const { checkpoint, pid, name, labels } = request;
      const common = {
        checkpoint,
        pid,
        ...(name !== undefined && { name }),
        ...(labels !== undefined && { labels }),
      };
      let step = 0;
      for await (const event of script(request))
        await this.publish({ ...common, ...event } as NewEvent, `${checkpoint}.${event.type}.${step++}`);
    }
  }
}
