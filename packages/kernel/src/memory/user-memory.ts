/** Memory as a task sees it: by address, checked against its mappings. Every access throws EFAULT when it may not be. */
export interface UserMemory {
  u8(address: number): number;
  setU8(address: number, value: number): void;
  /** Aligned to 4 bytes. */
  u32(address: number): number;
  setU32(address: number, value: number): void;
  /** An unsigned integer below 2^53 in 8 bytes, aligned to 8. */
  u53(address: number): number;
  setU53(address: number, value: number): void;
  /** Any range, across pages. */
  read(address: number, length: number): Uint8Array;
  write(address: number, bytes: Uint8Array): void;
  fill(address: number, value: number, length: number): void;
}
