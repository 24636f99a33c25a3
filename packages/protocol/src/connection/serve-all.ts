import type { Definition, Endpoint } from '../messages/definition.js';
import type { Connection } from './connection.js';
import { type Handler, type Served, type ServeOptions, serve } from './serve.js';

/** A handler for each of some endpoints, by verb. */
export type Handlers<Endpoints> = {
  readonly [Verb in keyof Endpoints]: Endpoints[Verb] extends Endpoint<infer D> ? Handler<D> : never;
};

/** Serves several endpoints; stopping stops them all. */
export function serveAll<Endpoints extends Readonly<Record<string, Endpoint>>>(
  connection: Connection,
  endpoints: Endpoints,
  handlers: Handlers<Endpoints>,
  options: ServeOptions = {},
): Served {
  const served = Object.entries<Endpoint>(endpoints).map(([verb, endpoint]) =>
    // Sound: `Handlers` gives each endpoint a handler for its own definition.
    serve(connection, endpoint, handlers[verb] as unknown as Handler<Definition>, options),
  );
  return {
    stop: async () => {
      await Promise.all(served.map((endpoint) => endpoint.stop()));
    },
  };
}
