/** What a page is asked for with: the fields of `pageRequest`. */
interface Asked {
  readonly after?: number | undefined;
  readonly limit?: number | undefined;
}

interface Page<Row> {
  readonly rows: Row[];
  /** Undefined when nothing is behind it. */
  readonly next: number | undefined;
}

/** Rows that a page has unless it is said. */
const PAGE = 1_000;

/**
 * A page of rows about tasks, ascending by pid. Between two pages tasks are born and end, so that the place of a row in the list says
 * nothing: `after` is a pid. Rows of the same pid are on the same page, also when those are a few more than were asked for.
 */
export function pageByPid<Row extends { readonly pid: number }>(
  list: readonly Row[],
  { after = 0, limit = PAGE }: Asked,
): Page<Row> {
  const behind = list.filter(({ pid }) => pid > after);
  const last = behind[limit - 1]?.pid ?? Number.POSITIVE_INFINITY;
  const rows = behind.filter(({ pid }) => pid <= last);
  return { rows, next: rows.length < behind.length ? last : undefined };
}
