/** The kinds of objects in a store; in a folder, its subfolders. */
export const KIND = {
  /** Chunks, many in one object. */
  packs: 'packs',
  /** One for each checkpoint. */
  manifests: 'manifests',
  /** Where chunks are: rebuilt from the packs when missing or damaged. */
  index: 'index',
  /** What opens an encrypted store. */
  keys: 'keys',
  /** Who is writing. */
  leases: 'leases',
  /** Packs and keys that will be deleted. */
  condemned: 'condemned',
  /** What a repair took out. */
  quarantine: 'quarantine',
} as const;

export type Kind = (typeof KIND)[keyof typeof KIND];

/** The one object that makes a folder a store. */
export const CONFIG = 'config';

export const objectName = (kind: Kind, id: string): string => `${kind}/${id}`;

/** The name without its kind. */
export const objectId = (name: string): string => name.slice(name.indexOf('/') + 1);

/** The pack, or the key, that a mark of KIND.condemned is on. */
export const condemnedId = (mark: string): string => objectId(mark).split('.')[0]!;
