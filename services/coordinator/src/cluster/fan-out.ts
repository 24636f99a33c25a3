import { at, type CkptError, isCkptError } from '@ckptree/errors';
import {
  type Connection,
  type Definition,
  type Endpoint,
  type Endpoints,
  type ReplyOf,
  type RequestOf,
  type RequestOptions,
  request,
  worker,
} from '@ckptree/protocol';

type WorkerEndpoints = ReturnType<typeof worker>;
type Verb = keyof WorkerEndpoints;
type DefinitionOf<V extends Verb> = WorkerEndpoints[V] extends Endpoint<infer D> ? D : never;

/** Asks one worker; an error says which. @throws as request(), with the worker's name; ENOENT for one that is not there */
export async function ask<V extends Verb>(
  connection: Connection,
  id: string,
  verb: V,
  body: RequestOf<DefinitionOf<V>>,
  options: RequestOptions = {},
): Promise<ReplyOf<DefinitionOf<V>>> {
  const endpoints: Endpoints<Readonly<Record<string, Definition>>> = worker(id);
  try {
    return (await request(connection, endpoints[verb]!, body as never, options)) as ReplyOf<DefinitionOf<V>>;
  } catch (error) {
    throw at(error, { worker: id });
  }
}

/** Does something on several workers at once. @throws what the first that failed threw, when all are done */
export async function onAll<T>(ids: readonly string[], work: (id: string) => Promise<T>): Promise<T[]> {
  const done = await Promise.allSettled(ids.map(work));
  return done.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

/** Asks several workers at once. @throws what the first that failed answered, when all have answered */
export async function askAll<V extends Verb>(
  connection: Connection,
  ids: readonly string[],
  verb: V,
  bodyOf: (id: string) => RequestOf<DefinitionOf<V>>,
  options: RequestOptions = {},
): Promise<Map<string, ReplyOf<DefinitionOf<V>>>> {
  const answers = await onAll(ids, (id) => ask(connection, id, verb, bodyOf(id), options));
  return new Map(answers.map((answer, index) => [ids[index]!, answer]));
}

/** As askAll(), for what must be told to as many as can be reached. @returns those that could not be told, and why */
export async function tellAll<V extends Verb>(
  connection: Connection,
  ids: readonly string[],
  verb: V,
  bodyOf: (id: string) => RequestOf<DefinitionOf<V>>,
  options: RequestOptions = {},
): Promise<Map<string, CkptError>> {
  const answers = await Promise.allSettled(ids.map((id) => ask(connection, id, verb, bodyOf(id), options)));
  return new Map(
    answers.flatMap((answer, index) =>
      answer.status === 'rejected' ? [[ids[index]!, answer.reason as CkptError]] : [],
    ),
  );
}

/** Whether a worker is gone, or at least cannot be reached now. */
export const isUnreachable = (error: unknown): boolean =>
  isCkptError(error) && (error.code === 'EAGAIN' || error.code === 'ETIMEDOUT');
