import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { at } from '@ckptree/errors';
import type { Log } from '../log/log.js';
import type { Registry } from '../metrics/prometheus.js';
import type { Readiness } from './readiness.js';

export interface StatusServerOptions {
  readonly host: string;
  /** 0 is any that is free. */
  readonly port: number;
}

export interface StatusComponents {
  readonly log: Log;
  readonly readiness: Readiness;
  readonly registry: Registry;
}

export interface StatusServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/** Nobody needs more at once: a scraper, a prober, and people who look. */
const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 5_000;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

type Route = (components: StatusComponents) => Promise<Answer> | Answer;

const json = (status: number, body: object): Answer => ({
  status,
  type: 'application/json',
  body: `${JSON.stringify(body)}\n`,
});

const ROUTES: Readonly<Record<string, Route>> = {
  /** Whoever reads this answer knows that the process runs its event loop; no more is meant. */
  '/healthz': () => json(200, { status: 'alive' }),
  '/readyz': async ({ readiness }) => {
    const report = await readiness.report();
    return json(report.ready ? 200 : 503, report);
  },
  '/metrics': async ({ registry }) => ({
    status: 200,
    type: registry.contentType,
    body: await registry.metrics(),
  }),
};

/**
 * Serves /healthz, /readyz and /metrics.
 * @throws EINVAL, EPERM, EIO the port cannot be opened, with `--http` in `field`
 */
export async function startStatusServer(
  { host, port }: StatusServerOptions,
  components: StatusComponents,
): Promise<StatusServer> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => void respond(request, response, components),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, host, port);
  const { port: opened } = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return { host, port: opened, url: `http://${name}:${opened}`, close: () => closeServer(server) };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw at(error, { field: '--http' });
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  components: StatusComponents,
): Promise<void> {
  const { status, type, body } = await answerTo(request, components);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answerTo(
  { method, url = '/' }: IncomingMessage,
  components: StatusComponents,
): Promise<Answer> {
  const path = url.split('?', 1)[0]!;
  if (method !== 'GET' && method !== 'HEAD')
    return json(405, { error: 'only GET and HEAD are answered here' });
  if (!Object.hasOwn(ROUTES, path))
    return json(404, { error: `there is ${Object.keys(ROUTES).join(', ')}; nothing else` });
  try {
    return await ROUTES[path]!(components);
  } catch (error) {
    components.log.error({ err: error, path }, 'a status request failed');
    return json(500, { error: 'it failed; the log says why' });
  }
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
