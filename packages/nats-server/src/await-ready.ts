import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';

const POLL_MS = 20;
const ANSWER_TIMEOUT_MS = 2_000;
/** Longest first line that is read. */
const MAX_INFO = 64 * 2 ** 10;

/** What a server says to whoever connects: https://docs.nats.io/reference/reference-protocols/nats-protocol#info */
interface ServerInfo {
  readonly version: string;
  readonly server_name?: string;
  readonly jetstream?: boolean;
}

/**
 * Waits until the server of this name greets, by its protocol, and has JetStream.
 * @param gone resolves when there is nothing left to wait for
 * @throws ETIMEDOUT; EPIPE `gone`; EINVAL it is too old, or has no JetStream
 */
export async function awaitReady(
  { host, port, name }: { readonly host: string; readonly port: number; readonly name: string },
  timeoutMs: number,
  gone: Promise<unknown>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let isGone = false;
  void gone.then(() => {
    isGone = true;
  });
  while (performance.now() < deadline) {
    const info = await greeting(host, port);
    // Another server may have had the port before ours came to take it.
    if (info?.server_name === name) return checkInfo(info);
    if (isGone) throw new CkptError('EPIPE', 'the nats-server ended before it answered');
    await sleep(POLL_MS);
  }
  throw new CkptError(
    'ETIMEDOUT',
    `the nats-server did not answer at ${host}:${port} within ${timeoutMs} ms`,
  );
}

function checkInfo({ version, jetstream }: ServerInfo): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 2 || (major === 2 && minor < 9))
    throw new CkptError('EINVAL', `the nats-server is ${version}; ckptree needs 2.9 or later`);
  if (jetstream !== true) throw new CkptError('EINVAL', 'the nats-server has no JetStream');
}

/** The first line that the server sends: `INFO {...}`. Undefined when nobody is there who says that. */
function greeting(host: string, port: number): Promise<ServerInfo | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host, port });
    const end = (info?: ServerInfo): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(info);
    };
    const timer = setTimeout(end, ANSWER_TIMEOUT_MS);
    socket.on('error', () => end());
    socket.on('close', () => end());
    socket.on('data', (bytes) => {
      text += bytes.toString();
      const line = /^INFO (\{.*\})\s*\r\n/.exec(text)?.[1];
      if (line !== undefined) end(parseInfo(line));
      else if (text.length > MAX_INFO) end();
    });
  });
}

/** Undefined when it is none: somebody else may have the port. */
function parseInfo(line: string): ServerInfo | undefined {
  try {
    return JSON.parse(line) as ServerInfo;
  } catch {
    return undefined;
  }
}
