type Attributes = Readonly<Record<string, string | number | undefined>>;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Control characters other than tabs and line ends, and what is no character: XML 1.0 (production 2) has no place for them. */
const FORBIDDEN = /[^\P{Cc}\t\n\r]|[\ufffe\uffff\p{Surrogate}]/gu;

export const escapeText = (text: string): string =>
  text.replace(FORBIDDEN, '').replace(/[&<>"]/g, (character) => ESCAPES[character]!);

/** Tenths of a pixel are as fine as anybody sees, and short. */
const shorten = (value: string | number): string =>
  typeof value === 'number' ? String(Math.round(value * 10) / 10) : escapeText(value);

/** An element with its content, which is markup already; `undefined` attributes are left out. */
export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${shorten(value!)}"`)
    .join('');
  const inside = content.join('');
  return inside === '' ? `<${name}${written}/>` : `<${name}${written}>${inside}</${name}>`;
}

export const text = (attributes: Attributes, content: string): string =>
  element('text', attributes, escapeText(content));
