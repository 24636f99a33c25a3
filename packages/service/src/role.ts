/** What a service is in the cluster; also the name of its NATS user. */
export const ROLES = ['coordinator', 'worker', 'storage'] as const;
export type Role = (typeof ROLES)[number];
