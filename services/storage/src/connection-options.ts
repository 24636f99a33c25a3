import type { ConnectionOptions } from '@ckptree/protocol';
import { natsAccess, type Role } from '@ckptree/service';

/** How a service of a role reaches NATS, from what it was told. */
export function connectionOptions(
  config: Parameters<typeof natsAccess>[0] & { readonly id: string },
  role: Role,
): ConnectionOptions {
  const { servers, user, pass, tls } = natsAccess(config);
  return {
    url: servers,
    name: config.id,
    inboxPrefix: `_INBOX_${role}`,
    ...(user !== undefined && { user }),
    ...(pass !== undefined && { password: pass }),
    ...(tls !== undefined && { tls }),
  };
}
