/** What a drill did, by what it is called: `fault: kill`, `checkpoint: ESRCH`. */
export type Counts = Readonly<Record<string, number>>;

/** What comes of a drill. */
export class DrillRecord {
  readonly #counts = new Map<string, number>();
  readonly #violations: string[] = [];
  readonly #explained = new Set<string>();
  readonly #tell: (line: string) => void;

  /** @param tell gets a line about each thing, as it happens */
  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  /** @param detail for whoever looks on */
  count(what: string, detail = ''): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    this.#tell(detail === '' ? what : `${what}: ${detail}`);
  }

  /** Something that must never be. */
  violation(what: string): void {
    this.#violations.push(what);
    this.#tell(`VIOLATION: ${what}`);
  }

  /** From now on these may be: a fault is their reason. */
  explain(what: readonly string[]): void {
    for (const one of what) this.#explained.add(one);
  }

  isExplained(what: string): boolean {
    return this.#explained.has(what);
  }

  get counts(): Counts {
    return Object.fromEntries([...this.#counts].sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  get violations(): readonly string[] {
    return this.#violations;
  }
}
