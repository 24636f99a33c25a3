/** What the process at the other end listens to. */
export const SUBJECT = {
  /** Answers with what it was sent. */
  echo: 'bench.echo',
  /** Answers when as many bytes have come as the request says. */
  expect: 'bench.expect',
  /** Takes bytes, and says nothing. */
  bulk: 'bench.bulk',
} as const;
