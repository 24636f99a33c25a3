import { connect, type Msg } from 'nats';
import { SUBJECT } from './nats-subjects.js';

/** The other end of what NATS does by itself, in a process of its own. Argument: the address of the server. */
async function main(url: string): Promise<void> {
  const connection = await connect({ servers: url });
  connection.subscribe(SUBJECT.echo, { callback: (_, message) => message.respond(message.data) });
  let expected: { readonly message: Msg; readonly bytes: number } | undefined;
  let received = 0;
  const look = (): void => {
    if (expected === undefined || received < expected.bytes) return;
    expected.message.respond();
    expected = undefined;
    received = 0;
  };
  connection.subscribe(SUBJECT.expect, {
    callback: (_, message) => {
      expected = { message, bytes: Number(message.string()) };
      look();
    },
  });
  connection.subscribe(SUBJECT.bulk, {
    callback: (_, { data }) => {
      received += data.length;
      look();
    },
  });
  await connection.flush();
  process.once('disconnect', () => void connection.close());
  process.send?.('ready');
  await connection.closed();
}

await main(process.argv[2] ?? '');
