export { type AdmissionConfig, admitContent, admitDeletion, admitName } from './admission.js';
export { type FileStatus, type FileSystem, type OpenedFile, realFileSystem } from './backend/file-system.js';
export { FolderBackend, type FolderOptions, type ObjectPage } from './backend/folder-backend.js';
export {
  checkObjectName,
  type GrowingObject,
  isObjectName,
  type ObjectBackend,
  type ObjectInfo,
  type OpenObject,
  partBytes,
} from './backend/object-backend.js';
export type { ObjectDraft } from './backend/object-draft.js';
export type { DraftContent, TemporaryFile } from './backend/temporary-file.js';
export type { ChunkSettings, CodecName } from './chunk.js';
export type { ChunkRecords } from './chunk-records.js';
export type { AddedSizes, Composition, StoredPart } from './composition.js';
export { FORMAT_VERSION, readConfig, type StoreConfig } from './config.js';
export { type ContentHash, contentHash, hexId, type RunningHash } from './content-hash.js';
export type { CheckpointDamage, LostRange } from './damage.js';
export type { ForgetPolicy } from './forget-policy.js';
export type { GcOptions, GcReport } from './gc.js';
export type { Baseline } from './image/baseline.js';
export {
  describeTree,
  type ImageLayout,
  type KeptPages,
  type MemoryLayout,
  type PartLayout,
  readLayout,
} from './image/image-layout.js';
export {
  type Manifest,
  ManifestSchema,
  type ManifestSegment,
  newManifestId,
  type TreeSummary,
} from './image/manifest.js';
export type { PagePlaces } from './image/page-places.js';
export type { MemoryVersion, Owner } from './image/recipe.js';
export type { StoredImage } from './image/stored-image.js';
export type { KeyInfo, Secret } from './keys.js';
export { type LeaseInfo, withLease } from './lease.js';
export { hostOwners, type Owners } from './owner.js';
export { hashInParts, PartsHash, type PartsProof } from './parts-hash.js';
export { type ChunkEngine, inlineEngine } from './put/chunk-engine.js';
export { poolEngine } from './put/pool-engine.js';
export type { RepairOptions, RepairReport } from './repair.js';
export type { Session, SessionOptions, StoredParts } from './session.js';
export { type InitOptions, type Listing, type OpenOptions, Store, type StoreInfo } from './store.js';
export type { StoreFinding, StoreReport, VerifyOptions } from './verify.js';
