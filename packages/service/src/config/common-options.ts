import { Type } from '@ckptree/schema';
import { LOG_LEVELS } from '../log/log.js';
import type { NatsUser, Role } from '../role.js';
import { choice, duration, onOff, path, secret, text, wholeNumber } from './option.js';

/** As packages/protocol has the ids of instances, which are tokens of subjects. */
const ID = '^[a-z0-9][a-z0-9-]{0,62}$';
const NATS_URLS = '^(nats|tls|ws|wss)://[^\\s,@]+(,(nats|tls|ws|wss)://[^\\s,@]+)*$';

/** The options that every service has. */
export const commonOptions = (role: Role) => ({
  id: Type.Optional(
    text(
      {
        description: 'name of this instance; one of its own is made up when there is none',
        placeholder: 'name',
        expected: 'a name of 1 to 63 of a-z, 0-9 and -, not beginning with -',
      },
      ID,
    ),
  ),
  ...natsOptions(role),
  http: wholeNumber({
    description: 'port for /healthz, /readyz and /metrics; 0 is any that is free',
    placeholder: 'port',
    default: 0,
    minimum: 0,
    maximum: 65_535,
  }),
  httpHost: text({
    description: 'address that this port is opened on; 0.0.0.0 is all of them',
    placeholder: 'address',
    default: '127.0.0.1',
  }),
  logLevel: choice(LOG_LEVELS, { description: 'least severity that is logged', default: 'info' }),
  shutdownTimeoutMs: duration({
    name: 'shutdownTimeout',
    description: 'how long the work under way has to end after SIGTERM',
    default: 20_000,
    minimum: 0,
    maximum: 3_600_000,
  }),
  announce: onOff({ description: 'print where the HTTP port is, as one line of JSON on stdout' }),
});

/** How NATS is reached, and who one is there; `client` is for the command and other programs. */
export const natsOptions = (user: NatsUser) => ({
  nats: text(
    {
      description: 'address of NATS; several with commas',
      placeholder: 'url',
      expected: 'an address such as nats://127.0.0.1:4222, without user and password, or several with commas',
      variables: ['NATS_URL'],
      default: 'nats://127.0.0.1:4222',
    },
    NATS_URLS,
  ),
  natsUser: text({
    description: 'user there, when a password is given',
    placeholder: 'name',
    default: user,
  }),
  natsPassword: Type.Optional(
    secret({
      description: 'password of that user',
      variables: [`CKPTREE_NATS_${user.toUpperCase()}_PASSWORD`],
    }),
  ),
  natsCa: Type.Optional(
    path({ description: 'certificates (PEM) of the authority that NATS must be signed by' }),
  ),
  natsCert: Type.Optional(path({ description: 'certificate (PEM) to show to NATS' })),
  natsKey: Type.Optional(path({ description: 'key (PEM) of that certificate' })),
});
