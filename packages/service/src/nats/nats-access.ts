import type { natsOptions } from '../config/common-options.js';
import type { ConfigOf } from '../config/read-config.js';

/** What the options say about NATS, in the words of the `nats` package, which takes it as a part of its own options. */
export interface NatsAccess {
  readonly servers: string[];
  readonly user?: string;
  readonly pass?: string;
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
}

type NatsConfig = ConfigOf<ReturnType<typeof natsOptions>>;

export function natsAccess({
  nats,
  natsUser,
  natsPassword,
  natsCa,
  natsCert,
  natsKey,
}: NatsConfig): NatsAccess {
  const tls = {
    ...(natsCa !== undefined && { caFile: natsCa }),
    ...(natsCert !== undefined && { certFile: natsCert }),
    ...(natsKey !== undefined && { keyFile: natsKey }),
  };
  return {
    servers: nats.split(','),
    ...(natsPassword !== undefined && { user: natsUser, pass: natsPassword }),
    ...(Object.keys(tls).length > 0 && { tls }),
  };
}
