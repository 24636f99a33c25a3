/** Text from an image as it may be shown: control characters, which a terminal would obey, as `\x1b`. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is for
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });

/** A number or address as `0x1000`. */
export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** An amount with its noun: `1 page`, `2 pages`. */
export const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
