import type { FileTable, Mm, OpenFile, VmaOps } from '@ckptree/model';
import { ObjHash } from '@ckptree/objhash';

/** The kinds of object that tasks share. */
export type ObjectTypes = { FILE_TABLE: FileTable; FILE: OpenFile; MM: Mm };
export type ObjectHash = ObjHash<ObjectTypes>;
/** What planning asks of it: the objects are numbered by then. */
export type ObjectNumbers = Pick<ObjectHash, 'define' | 'visit' | 'unvisited'>;

/** What a collection looks at: less than a cut holds, so that it can be told in few words. */
export interface CollectedFile {
  readonly users: number;
  readonly path: string;
}
export interface CollectedTable {
  readonly users: number;
  readonly descriptors: readonly { readonly file: CollectedFile }[];
}
export interface CollectedMm {
  readonly users: number;
  readonly exe?: CollectedFile;
  readonly vmas: readonly { readonly ops: VmaOps; readonly file?: CollectedFile }[];
}
export interface CollectedTask {
  readonly pid: number;
  readonly comm: string;
  readonly exitState: number;
  readonly files?: CollectedTable;
  readonly mm?: CollectedMm;
}
export type CollectedTypes = { FILE_TABLE: CollectedTable; FILE: CollectedFile; MM: CollectedMm };

const users = ({ users }: { readonly users: number }): number => users;
/** Tables and open files are plain data of the cut, there as long as somebody looks at them. */
const nothingHeld = (): void => undefined;

const opsWith = <SomeMm extends CollectedMm>(dropMm: (mm: SomeMm) => void) => ({
  FILE_TABLE: { name: 'FILE_TABLE', grab: nothingHeld, drop: nothingHeld, users },
  FILE: { name: 'FILE', grab: nothingHeld, drop: nothingHeld, users },
  MM: { name: 'MM', grab: nothingHeld, drop: dropMm, users },
});

/**
 * The hash of one checkpoint. The cut has taken a reference to the memory of every address space; the hash is its
 * keeper and gives each back through `releaseMm` when it is cleared.
 */
export const newObjectHash = (releaseMm: (mm: Mm) => void): ObjectHash =>
  new ObjHash<ObjectTypes>(opsWith(releaseMm));

/** A hash of objects that hold no memory: what several workers tell of theirs. */
export const newMergedHash = (): ObjHash<CollectedTypes> => new ObjHash<CollectedTypes>(opsWith(nothingHeld));
