import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What a power failure leaves of a file whose bytes were never synced. */
export const TORN = ['half', 'empty', 'garbage', 'whole'] as const;
export type Torn = (typeof TORN)[number];

/** What a power failure would take away now: plain data, so that a process can leave it to whoever comes after. */
export interface AtRisk {
  /** Files with bytes that were not synced. */
  readonly unsynced: readonly string[];
  /** Names, also of folders, that were given or taken since the folder that they are in was last synced, in order. */
  readonly names: readonly NameChange[];
}

type NameChange =
  | { readonly kind: 'given'; readonly path: string }
  /** `kept` is another name of the file. */
  | { readonly kind: 'taken'; readonly path: string; readonly kept: string };

/** Keeps book of what is durable. */
export class Durability {
  readonly #keep: string;
  readonly #unsynced = new Set<string>();
  readonly #names = new Map<string, NameChange[]>();
  #taken = 0;

  /** @param keep a new folder on the same file system for files that lose their last name */
  constructor(keep: string) {
    this.#keep = keep;
    mkdirSync(keep, { recursive: true });
  }

  get atRisk(): AtRisk {
    return { unsynced: [...this.#unsynced], names: [...this.#names.values()].flat() };
  }

  given(path: string): void {
    this.#changed({ kind: 'given', path });
  }

  /** To be called before the name is taken away. */
  taking(path: string): void {
    const kept = join(this.#keep, `${this.#taken++}`);
    linkSync(path, kept);
    this.#changed({ kind: 'taken', path, kept });
  }

  written(path: string): void {
    this.#unsynced.add(path);
  }

  /** @param path a file or a folder */
  synced(path: string): void {
    this.#unsynced.delete(path);
    this.#names.delete(path);
  }

  #changed(change: NameChange): void {
    const folder = dirname(change.path);
    this.#names.set(folder, [...(this.#names.get(folder) ?? []), change]);
  }
}

/** Takes away what was at risk. A killed process alone takes nothing away: `torn` is `whole` then. */
export function failPower({ unsynced, names }: AtRisk, torn: Torn): void {
  if (torn === 'whole') return;
  for (const path of unsynced) tear(path, torn);
  for (const change of [...names].reverse())
    if (change.kind === 'given') rmSync(change.path, { force: true, recursive: true });
    else if (existsSync(dirname(change.path)) && !existsSync(change.path)) linkSync(change.kept, change.path);
}

function tear(path: string, torn: Torn): void {
  if (!existsSync(path)) return;
  const { length } = readFileSync(path);
  if (torn === 'empty') truncateSync(path, 0);
  else if (torn === 'half') truncateSync(path, length >> 1);
  else writeFileSync(path, Buffer.alloc(length, 0xa5));
}
