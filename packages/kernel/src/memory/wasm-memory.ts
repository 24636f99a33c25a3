import { CkptError } from '@ckptree/errors';

/** Part of the language's host that neither its library types nor Node's declare. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => WasmMemory;
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly host: { readonly memory: WasmMemory } },
  ) => { readonly exports: { readonly copy: CopyPage } };
};

/** Shared memory that structured clone shares, too. */
export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
}

/** Copies a page within one memory. Both are byte offsets. */
export type CopyPage = (to: number, from: number) => void;

const WASM_PAGE_SIZE = 65_536;

/** Zeroed memory that starts at a page boundary, which a plain SharedArrayBuffer does not. @throws ENOMEM */
export function sharedMemory(bytes: number): WasmMemory {
  const pages = Math.ceil(bytes / WASM_PAGE_SIZE);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (error) {
    throw new CkptError('ENOMEM', `cannot reserve ${bytes} bytes of shared memory`, {}, error);
  }
}

/**
 * JavaScript copies shared memory word by word, WebAssembly as the machine does it best: a page in half the time.
 *
 *     (module
 *       (import "host" "memory" (memory 1 16384 shared))
 *       (func (export "copy") (param $to i32) (param $from i32)
 *         (memory.copy (local.get $to) (local.get $from) (i32.const 4096))))
 */
// biome-ignore format: a line for each section
const CODE = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
  0x01, 0x06, 0x01, 0x60, 0x02, 0x7f, 0x7f, 0x00,
  0x02, 0x13, 0x01, 0x04, 0x68, 0x6f, 0x73, 0x74, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0x03, 0x01, 0x80, 0x80, 0x01,
  0x03, 0x02, 0x01, 0x00,
  0x07, 0x08, 0x01, 0x04, 0x63, 0x6f, 0x70, 0x79, 0x00, 0x00,
  0x0a, 0x0f, 0x01, 0x0d, 0x00, 0x20, 0x00, 0x20, 0x01, 0x41, 0x80, 0x20, 0xfc, 0x0a, 0x00, 0x00, 0x0b,
);

const module = new WebAssembly.Module(CODE);

/** @param memory of 1 GiB at most */
export const pageCopier = (memory: WasmMemory): CopyPage =>
  new WebAssembly.Instance(module, { host: { memory } }).exports.copy;
