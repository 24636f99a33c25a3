// Starts a server, says its pid and port, and waits to be killed.
import { NatsServer } from '@ckptree/nats-server';

const server = await NatsServer.start({ dataFolder: process.argv[2] });
process.stdout.write(`${JSON.stringify({ pid: server.pid, url: server.url })}\n`);
setInterval(() => undefined, 1_000);
