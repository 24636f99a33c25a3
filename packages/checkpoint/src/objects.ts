import type { FileTable, Mm, OpenFile } from '@ckptree/model';
import { ObjHash } from '@ckptree/objhash';

/** The kinds of object that tasks share. */
export type ObjectTypes = { FILE_TABLE: FileTable; FILE: OpenFile; MM: Mm };
export type ObjectHash = ObjHash<ObjectTypes>;

const users = ({ users }: { readonly users: number }): number => users;
/** Tables and open files are plain data of the cut, there as long as somebody looks at them. */
const nothingHeld = (): void => undefined;

/**
 * The hash of one checkpoint. The cut has taken a reference to the memory of every address space; the hash is its
 * keeper and gives each back through `releaseMm` when it is cleared.
 */
export function newObjectHash(releaseMm: (mm: Mm) => void): ObjectHash {
  return new ObjHash<ObjectTypes>({
    FILE_TABLE: { name: 'FILE_TABLE', grab: nothingHeld, drop: nothingHeld, users },
    FILE: { name: 'FILE', grab: nothingHeld, drop: nothingHeld, users },
    MM: { name: 'MM', grab: nothingHeld, drop: releaseMm, users },
  });
}
