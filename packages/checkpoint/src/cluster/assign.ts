import type { ObjHash } from '@ckptree/objhash';
import type { CollectedTypes } from '../objects.js';
import { type Assignment, pairsOf } from './assignment.js';
import type { MergedSegment } from './merged-tree.js';
import type { SharedObjects } from './shared-objects.js';
import type { Skeleton } from './skeleton.js';
import type { PartTask } from './task-order.js';

interface Numbered {
  readonly objects: SharedObjects;
  /** The objects of the tree, collected. */
  readonly hash: ObjHash<CollectedTypes>;
  readonly subtree: boolean;
}

/** Says who writes what: tasks one behind the other on one worker are a segment, an object is written where it is first met. */
export function assign(
  parts: readonly Skeleton[],
  order: readonly PartTask[],
  { objects, hash, subtree }: Numbered,
): { readonly segments: MergedSegment[]; readonly assignments: Map<string, Assignment> } {
  const work = parts.map((): { tasks: number[]; segments: number[] } => ({ tasks: [], segments: [] }));
  const segments: (MergedSegment & { tasks: number })[] = [];
  let before: number | undefined;
  for (const { part, index } of order) {
    const { tasks, segments: own } = work[part]!;
    tasks.push(index);
    if (part === before) {
      segments.at(-1)!.tasks++;
      own[own.length - 1]!++;
    } else {
      segments.push({ worker: parts[part]!.worker, tasks: 1 });
      own.push(1);
    }
    before = part;
  }
  const writers = writersOf(parts, order, objects);
  const objrefOf = (object: object | undefined) => (object && hash.lookup(object)?.objref) ?? 0;
  const assignments = new Map<string, Assignment>();
  for (const [part, { worker, tables, mms, files }] of parts.entries()) {
    const { tasks, segments: own } = work[part]!;
    if (own.length === 0) continue;
    const isForeign = (object: object | undefined) =>
      object !== undefined && objects.isSpread(object) && writers.get(object) !== part;
    assignments.set(worker, {
      subtree,
      order: pairsOf(tasks),
      segments: own,
      tables: tables.users.map((_, number) => objrefOf(objects.knownTable(part, number))),
      mms: mms.users.map((_, number) => objrefOf(objects.knownMm(part, number))),
      files: files.users.map((_, number) => objrefOf(objects.file(part, number))),
      foreignTables: tables.keyed
        .filter(({ table }) => isForeign(objects.knownTable(part, table)))
        .map(({ table }) => table),
      foreignFiles: files.keyed
        .filter(({ file }) => isForeign(objects.file(part, file)))
        .map(({ file }) => file),
    });
  }
  return { segments, assignments };
}

/** For each object that several workers have, the part whose task is the first to reach it. */
function writersOf(
  parts: readonly Skeleton[],
  order: readonly PartTask[],
  objects: SharedObjects,
): ReadonlyMap<object, number> {
  const writers = new Map<object, number>();
  /** @returns whether it is met for the first time */
  const meet = (object: object, part: number): boolean => {
    if (writers.has(object)) return false;
    writers.set(object, part);
    return true;
  };
  const meetFile = (part: number, file: number): void => {
    const object = objects.file(part, file);
    if (objects.isSpread(object)) meet(object, part);
  };
  for (const { part, index } of order) {
    const { tasks, tables, mms } = parts[part]!;
    const [table, mm] = [tasks.table[index]!, tasks.mm[index]!];
    if (table >= 0 && meet(objects.table(part, table)!, part))
      for (const file of tables.files[table]!) meetFile(part, file);
    if (mm < 0 || !meet(objects.mm(part, mm)!, part)) continue;
    if (mms.exe[mm]! >= 0) meetFile(part, mms.exe[mm]!);
    // A file behind a special mapping is not written with it.
    for (const file of mms.vmas[mm]!) if (file >= 0) meetFile(part, file);
  }
  return writers;
}
