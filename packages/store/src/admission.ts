import { CkptError } from '@ckptree/errors';
import { type ObjectBackend, objectExists } from './backend/object-backend.js';
import type { DraftContent } from './backend/temporary-file.js';
import { CHUNK_HEADER_SIZE, decodeChunkHeader, recordLength } from './chunk.js';
import { checkConfig, type StoreConfig } from './config.js';
import { contentHash, HASH_SIZE } from './content-hash.js';
import { checkPlainDocument, DOCUMENT_LIMIT, looksEncrypted, openDocument } from './envelope.js';
import { checkManifest } from './image/manifest.js';
import { checkIndexHeader, INDEX_HEADER_SIZE } from './index/index-file.js';
import { checkKey } from './keys.js';
import { CONFIG, KIND, objectId, objectName } from './layout.js';
import { isLeaseName } from './lease.js';
import {
  checkPackHeader,
  encodePackHeader,
  PACK_FOOTER_SIZE,
  PACK_HEADER_SIZE,
  PACK_SIZE_LIMIT,
  trailerRange,
} from './pack/pack-format.js';

/**
 * What may come into a store, and go, when those who ask are not trusted as this process is: a service that carries
 * objects for others asks here. It needs no key; of an encrypted store only forms can be checked, and readers check the rest.
 */
interface Rule {
  /** Of the name behind the kind. */
  readonly id: RegExp;
  /** Bytes, at most. */
  readonly limit: number;
  check(name: string, content: DraftContent, config: AdmissionConfig): Promise<void>;
}

/** What is known of the store; undefined as long as it is none yet. */
export type AdmissionConfig = Pick<StoreConfig, 'encrypted'> | undefined;

const SMALL_DOCUMENT = 64 * 1024;
/** Documents up to this size are parsed, and held against their schema; of larger ones the digest is checked. */
const PARSED_DOCUMENT = 8 * 1024 * 1024;
/** 64 times as many chunks as the index is made for. */
const INDEX_LIMIT = 32 * 1024 * 1024 * 1024;
const PIECE = 1024 * 1024;

const HEX_32 = /^[0-9a-f]{32}$/;

const RULES: Readonly<Record<string, Rule>> = {
  [KIND.packs]: { id: HEX_32, limit: PACK_SIZE_LIMIT, check: checkPack },
  [KIND.manifests]: {
    id: /^[0-9]{8}t[0-9]{9}-[0-9a-f]{8}$/,
    limit: DOCUMENT_LIMIT,
    check: checkManifestObject,
  },
  [KIND.index]: { id: HEX_32, limit: INDEX_LIMIT, check: checkIndexObject },
  [KIND.keys]: { id: /^[0-9a-f]{16}$/, limit: SMALL_DOCUMENT, check: checkKeyObject },
  [KIND.leases]: { id: /./, limit: 0, check: checkLeaseName },
  [KIND.condemned]: { id: HEX_32, limit: 0, check: async () => undefined },
};
const CONFIG_RULE: Rule = { id: /^config$/, limit: SMALL_DOCUMENT, check: checkConfigObject };

/**
 * Before any byte of an object is taken.
 * @throws EPERM no object of this name comes into a store this way; E2BIG it is larger than any such object
 */
export function admitName(name: string, size: number): void {
  const { limit } = ruleFor(name);
  if (size > limit)
    throw new CkptError('E2BIG', `${name} would have ${size} bytes; no such object has more than ${limit}`, {
      path: name,
    });
}

/**
 * Whether the content is that of an object of this name, as far as can be told.
 * @throws EPERM, E2BIG as admitName(); EIO, EBADMSG, ENOEXEC it is not
 */
export async function admitContent(
  name: string,
  content: DraftContent,
  config: AdmissionConfig,
): Promise<void> {
  admitName(name, content.size);
  await ruleFor(name).check(name, content, config);
}

/**
 * Whether an object may be deleted: the kinds that a store itself deletes, and packs and marks in the order of the
 * garbage collector only.
 * @throws EPERM it may not
 */
export async function admitDeletion(backend: ObjectBackend, name: string): Promise<void> {
  const [kind, id] = [name.slice(0, name.indexOf('/')), objectId(name)];
  const allowed =
    kind === KIND.manifests ||
    kind === KIND.leases ||
    kind === KIND.index ||
    (kind === KIND.packs && (await objectExists(backend, objectName(KIND.condemned, id)))) ||
    (kind === KIND.condemned && !(await objectExists(backend, objectName(KIND.packs, id))));
  if (!allowed)
    throw new CkptError('EPERM', `${name} may not be deleted like this; do it where the store is`, {
      path: name,
    });
}

function ruleFor(name: string): Rule {
  const slash = name.indexOf('/');
  const rule = name === CONFIG ? CONFIG_RULE : RULES[name.slice(0, Math.max(0, slash))];
  if (rule === undefined || !rule.id.test(objectId(name)))
    throw new CkptError('EPERM', `${JSON.stringify(name)} is not the name of an object that may be stored`, {
      path: name,
    });
  return rule;
}

async function* piecesOf(content: DraftContent, start = 0, end = content.size): AsyncIterable<Uint8Array> {
  for (let at = start; at < end; at += PIECE) yield content.read(at, Math.min(PIECE, end - at));
}

/** In pieces, and without a table in memory: the pack may be made up of nothing but headers. */
async function checkPack(name: string, content: DraftContent, config: AdmissionConfig): Promise<void> {
  const id = objectId(name);
  const { size } = content;
  checkPackHeader(id, await content.read(0, PACK_HEADER_SIZE));
  const footer = Buffer.from(await content.read(Math.max(0, size - PACK_FOOTER_SIZE), PACK_FOOTER_SIZE));
  const { position, length } = trailerRange(id, footer, size);
  const hash = contentHash().begin();
  hash.update(encodePackHeader(id));
  let offset = PACK_HEADER_SIZE;
  const wholeHeaders = PIECE - (PIECE % CHUNK_HEADER_SIZE);
  for (let at = 0; at < length; at += wholeHeaders) {
    const headers = await content.read(position + at, Math.min(wholeHeaders, length - at));
    hash.update(headers);
    offset = checkHeaders(id, headers, offset);
  }
  hash.update(footer.subarray(HASH_SIZE, HASH_SIZE + 8));
  const isProved = config?.encrypted !== false || hash.digest().equals(footer.subarray(0, HASH_SIZE));
  if (offset !== position || !isProved)
    throw new CkptError('EIO', `pack ${id} is damaged: its table of chunks is not sound`, { path: name });
}

/** @returns where the chunk behind them would begin */
function checkHeaders(id: string, headers: Uint8Array, start: number): number {
  let offset = start;
  for (let at = 0; at < headers.length; at += CHUNK_HEADER_SIZE) {
    const header = decodeChunkHeader(headers.subarray(at, at + CHUNK_HEADER_SIZE));
    if (header === undefined)
      throw new CkptError('EIO', `pack ${id} is damaged: its table of chunks is not sound`);
    offset += recordLength(header);
  }
  return offset;
}

async function checkManifestObject(
  name: string,
  content: DraftContent,
  config: AdmissionConfig,
): Promise<void> {
  if (config?.encrypted !== false) {
    if (!looksEncrypted(await content.read(0, SMALL_DOCUMENT)))
      throw new CkptError('EIO', `${name} is not encrypted, but its store is`, { path: name });
    return;
  }
  const document = await plainDocument(name, content);
  if (document !== undefined) checkManifest(objectId(name), document);
}

/** @returns undefined when it is too large to be parsed here */
async function plainDocument(name: string, content: DraftContent): Promise<unknown> {
  if (content.size <= PARSED_DOCUMENT) return openDocument(name, await content.read(0, content.size));
  await checkPlainDocument(name, content.size, piecesOf(content));
  return undefined;
}

async function checkIndexObject(name: string, content: DraftContent): Promise<void> {
  checkIndexHeader(name, Buffer.from(await content.read(0, INDEX_HEADER_SIZE)), content.size);
}

async function checkKeyObject(name: string, content: DraftContent): Promise<void> {
  checkKey(name, await plainDocument(name, content));
}

async function checkConfigObject(name: string, content: DraftContent): Promise<void> {
  checkConfig(name, await plainDocument(name, content));
}

async function checkLeaseName(name: string): Promise<void> {
  if (!isLeaseName(name)) throw new CkptError('EPERM', `${name} is not the name of a lease`, { path: name });
}
