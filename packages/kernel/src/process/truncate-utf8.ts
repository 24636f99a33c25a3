/** The longest prefix of `text` that takes at most `bytes` bytes and cuts no character. */
export function truncateUtf8(text: string, bytes: number): Uint8Array {
  const target = new Uint8Array(bytes);
  const { written } = new TextEncoder().encodeInto(text, target);
  return target.subarray(0, written);
}
