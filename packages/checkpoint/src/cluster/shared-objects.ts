import { CkptError } from '@ckptree/errors';
import type { CollectedFile, CollectedMm, CollectedTable } from '../objects.js';
import type { Skeleton } from './skeleton.js';

type File = CollectedFile & { users: number };
type Table = CollectedTable & { users: number };
type KeyedTable = Skeleton['tables']['keyed'][number];

/** A descriptor table on one worker that others may have, too. */
interface Replica {
  readonly part: number;
  readonly keyed: KeyedTable;
}

/**
 * The objects of all parts, each one once: what several workers have under one key is one object, with the users of all.
 * Each number of a part leads to its object.
 */
export class SharedObjects {
  readonly #parts: readonly Skeleton[];
  readonly #files: readonly (readonly File[])[];
  /** By part and number; those of one worker alone are made when they are asked for. */
  readonly #tables: readonly Map<number, Table>[];
  readonly #mms: readonly Map<number, CollectedMm>[];
  /** Objects that several workers have. */
  readonly #spread = new Set<object>();

  /**
   * @param isReached whether a task that is saved has the table
   * @throws EBUSY copies of a table have come to differ
   */
  constructor(parts: readonly Skeleton[], isReached: (part: number, table: number) => boolean) {
    this.#parts = parts;
    this.#tables = parts.map(() => new Map());
    this.#mms = parts.map(() => new Map());
    this.#files = this.#mergeFiles();
    for (const replicas of replicasByKey(parts)) this.#mergeTables(replicas, isReached);
  }

  /** Undefined for -1. */
  table(part: number, number: number): CollectedTable | undefined {
    if (number < 0) return undefined;
    const known = this.#tables[part]!.get(number);
    if (known !== undefined) return known;
    const table = this.#newTable(part, number);
    this.#tables[part]!.set(number, table);
    return table;
  }

  /** Undefined for -1. */
  mm(part: number, number: number): CollectedMm | undefined {
    if (number < 0) return undefined;
    const known = this.#mms[part]!.get(number);
    if (known !== undefined) return known;
    const mm = this.#newMm(part, number);
    this.#mms[part]!.set(number, mm);
    return mm;
  }

  file(part: number, number: number): CollectedFile {
    return this.#files[part]![number]!;
  }

  /** Of the tables and address spaces, only those that were asked for: others are not in the tree. */
  knownTable(part: number, number: number): object | undefined {
    return this.#tables[part]!.get(number);
  }

  knownMm(part: number, number: number): object | undefined {
    return this.#mms[part]!.get(number);
  }

  /** Whether several workers have it. */
  isSpread(object: object): boolean {
    return this.#spread.has(object);
  }

  #mergeFiles(): File[][] {
    const byKey = new Map<string, File>();
    return this.#parts.map(({ files, paths }) => {
      const list = files.users.map((users, index): File => ({ users, path: paths[files.path[index]!]! }));
      for (const { file, key } of files.keyed) {
        const other = byKey.get(key);
        if (other === undefined) {
          byKey.set(key, list[file]!);
          continue;
        }
        other.users += list[file]!.users;
        list[file] = other;
        this.#spread.add(other);
      }
      return list;
    });
  }

  #mergeTables(replicas: readonly Replica[], isReached: (part: number, table: number) => boolean): void {
    if (replicas.length === 1) return;
    const reached = replicas.filter(({ part, keyed }) => isReached(part, keyed.table));
    const [first = replicas[0]!, ...others] = reached;
    for (const other of others) if (!this.#areAlike(first, other)) throw this.#diverged(first, other);
    const table = this.#newTable(first.part, first.keyed.table);
    for (const replica of replicas) {
      const { part, keyed } = replica;
      this.#tables[part]!.set(keyed.table, table);
      if (replica === first) continue;
      table.users += this.#parts[part]!.tables.users[keyed.table]!;
      // There is one table, so what each of its copies refers to is referred to once.
      for (const file of this.#parts[part]!.tables.files[keyed.table]!) this.#files[part]![file]!.users--;
    }
    this.#spread.add(table);
  }

  #areAlike(one: Replica, other: Replica): boolean {
    const [files, others] = [one, other].map(({ part, keyed }) =>
      this.#parts[part]!.tables.files[keyed.table]!.map((file) => this.#files[part]![file]),
    );
    return (
      files!.length === others!.length &&
      files!.every((file, index) => file === others![index]) &&
      one.keyed.fds.every((fd, index) => fd === other.keyed.fds[index])
    );
  }

  #diverged(one: Replica, other: Replica): CkptError {
    const [first, second] = [one, other].map(({ part }) => this.#parts[part]!.worker);
    return new CkptError(
      'EBUSY',
      `descriptor table ${one.keyed.key} is shared by tasks on workers ${first} and ${second} and has come to differ ` +
        'there, because one of them opened or closed a file; keep tasks that do so on one worker',
      { object: 'FILE_TABLE', worker: second! },
    );
  }

  #newTable(part: number, number: number): Table {
    const { users, files } = this.#parts[part]!.tables;
    const descriptors = files[number]!.map((file) => ({ file: this.#files[part]![file]! }));
    return { users: users[number]!, descriptors };
  }

  #newMm(part: number, number: number): CollectedMm {
    const { users, exe, vmas } = this.#parts[part]!.mms;
    return {
      users: users[number]!,
      ...(exe[number]! >= 0 && { exe: this.file(part, exe[number]!) }),
      vmas: vmas[number]!.map((file) =>
        file < 0
          ? { ops: 'special' as const, file: this.file(part, -1 - file) }
          : { ops: 'file' as const, file: this.file(part, file) },
      ),
    };
  }
}

function replicasByKey(parts: readonly Skeleton[]): Iterable<readonly Replica[]> {
  const byKey = new Map<string, Replica[]>();
  for (const [part, { tables }] of parts.entries())
    for (const keyed of tables.keyed) {
      const others = byKey.get(keyed.key);
      if (others === undefined) byKey.set(keyed.key, [{ part, keyed }]);
      else others.push({ part, keyed });
    }
  return byKey.values();
}
