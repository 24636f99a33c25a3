import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parse } from 'acorn';

/**
 * A process that builds the memory of a program at work, says so, and then stands still for its memory to be taken:
 * source texts and their syntax trees, documents with an index over them, caches, compressed and random bytes, zeros.
 *
 * Arguments: a folder with sources, MiB of heap, MiB of random bytes, MiB of zeros.
 */
const MIB = 2 ** 20;
/** Files that are larger are somebody's bundle or table. */
const FILE_MAX = 12 * MIB;
const WORD = /[A-Za-z_]{3,24}/g;

interface Document {
  readonly id: string;
  readonly path: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly price: number;
  readonly visits: number;
  readonly created: Date;
  readonly author: { readonly name: string; readonly age: number; readonly active: boolean };
}

/** What a program keeps. All of it stays reachable until the end. */
class Contents {
  readonly texts = new Map<string, string>();
  readonly trees = new Map<string, unknown>();
  readonly json = new Map<string, unknown>();
  readonly documents = new Map<string, Document>();
  /** Documents by word. */
  readonly index = new Map<string, Set<Document>>();
  readonly compressed = new Map<string, Uint8Array>();
  readonly series: Float64Array[] = [];
  readonly buffers: Uint8Array[] = [];

  /** @param key what it is kept by */
  addFile(path: string, key: string): void {
    const text = readFileSync(path, 'utf8');
    if (text.length > FILE_MAX) return;
    this.texts.set(key, text);
    const words = [...new Set(text.slice(0, 64 * 1024).match(WORD) ?? ['nothing'])];
    this.#addDocuments(path, words);
    if (path.endsWith('.json')) this.#addJson(key, text);
    else if (/\.[cm]?js$/.test(path)) this.#addTree(key, text);
    if (text.length < MIB) this.compressed.set(key, gzipSync(text));
    this.series.push(Float64Array.from({ length: 200 }, (_, index) => Math.sin(index) * text.length));
  }

  #addJson(key: string, text: string): void {
    try {
      this.json.set(key, JSON.parse(text));
    } catch (error) {
      this.json.set(key, error); // with comments, or cut off on purpose: a program keeps its errors, too
    }
  }

  #addTree(key: string, text: string): void {
    try {
      this.trees.set(key, parse(text, { ecmaVersion: 'latest', sourceType: 'module', locations: true }));
    } catch (error) {
      this.trees.set(key, error);
    }
  }

  #addDocuments(path: string, words: readonly string[]): void {
    const word = (): string => words[Math.floor(Math.random() ** 2 * words.length)]!;
    for (let count = 0; count < 40; count++) {
      const document: Document = {
        id: randomBytes(12).toString('hex'),
        path,
        title: `${word()} ${word()} ${word()}`,
        tags: [word(), word()],
        price: Math.round(Math.random() * 1e5) / 100,
        visits: Math.floor(Math.random() * 1000),
        created: new Date(1.7e12 + Math.random() * 1e11),
        author: { name: `${word()} ${word()}`, age: 20 + (count % 50), active: count % 3 === 0 },
      };
      this.documents.set(document.id, document);
      for (const tag of document.tags) this.#indexOf(tag).add(document);
    }
  }

  #indexOf(tag: string): Set<Document> {
    let documents = this.index.get(tag);
    if (documents === undefined) {
      documents = new Set();
      this.index.set(tag, documents);
    }
    return documents;
  }
}

function* filesIn(folder: string): Iterable<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else if (entry.isFile() && /\.([cm]?[jt]s|json|md|txt|map)$/.test(entry.name)) yield path;
  }
}

/** The sources again and again until the process has so many bytes: a second round parses into other objects. */
function fill(contents: Contents, folder: string, bytes: number): void {
  for (let round = 0; ; round++) {
    let added = 0;
    for (const path of filesIn(folder)) {
      if (process.memoryUsage.rss() >= bytes) return;
      contents.addFile(path, `${path}:${round}`);
      added++;
    }
    if (added === 0) throw new Error(`there is no source text in ${folder}`);
  }
}

const [folder = '.', heapMiB, randomMiB, zeroMiB] = process.argv.slice(2);
const contents = new Contents();
fill(contents, folder, Number(heapMiB) * MIB);
for (let count = 0; count < Number(randomMiB); count++) contents.buffers.push(randomBytes(MIB));
for (let count = 0; count < Number(zeroMiB); count++) contents.buffers.push(new Uint8Array(MIB).fill(0));
process.stdout.write('ready\n');
// Stands still until it is killed, or whoever started it is gone.
process.stdin.resume().on('end', () => process.exit(contents.texts.size > 0 ? 0 : 1));
