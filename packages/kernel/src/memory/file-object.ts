/** An open file as the kernel's own parts hold it. What changes (position, references) is in shared memory. */
export interface FileObject {
  readonly id: number;
  readonly path: string;
  readonly mode: number;
  readonly flags: number;
  /** What it is called wherever parts of its tree are, when it is in several kernels. */
  readonly key?: string;
}

/** What an address space needs of the file layer. */
export interface FilePages {
  /** One reference more; every vma and every executable holds one. */
  grab(file: FileObject): void;
  drop(file: FileObject): void;
  /** Fills `into` (a page) with page `pgoff` of the file, zeros behind its end; EFAULT when the page lies wholly behind it. */
  readPage(file: FileObject, pgoff: number, into: Uint8Array): void;
}
