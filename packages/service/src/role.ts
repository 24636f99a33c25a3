/** What a service is in the cluster. */
export const ROLES = ['coordinator', 'worker', 'storage'] as const;
export type Role = (typeof ROLES)[number];

/** The users of infra/nats/permissions.conf: the services, and whoever uses the cluster. */
export type NatsUser = Role | 'client';
