export { protocolPage } from './reference/page.js';
export {
  PUBLISHED_EVENTS,
  PUBLISHED_RECORDS,
  PUBLISHED_REQUEST,
  PUBLISHED_ROLES,
  publishedSchemas,
  wholeReply,
  wholeRequest,
} from './reference/published.js';
