import { InvalidArgumentError, Option } from '@commander-js/extra-typings';

type Labels = Readonly<Record<string, string>>;

/** What people call a checkpoint that is made. */
export const namingOptions = {
  name: nameOption('what to call it; a name means the newest checkpoint of that name'),
  label: new Option('--label <key=value>', 'something to find it by; may be given several times').argParser(
    parseLabel,
  ),
} as const;

export function nameOption(meaning: string) {
  return new Option('--name <name>', meaning).argParser(parseName);
}

/** Which checkpoints are meant. */
export const labelFilter = new Option(
  '--label <key=value>',
  'only those with this label; may be given several times',
).argParser(parseLabel);

/** Names with a slash would be taken for files. */
function parseName(text: string): string {
  if (/^[^/\p{Cc}\p{Cf}]{1,200}$/u.test(text)) return text;
  throw new InvalidArgumentError('It must have 1 to 200 characters, and no slash among them.');
}

function parseLabel(text: string, before: Labels = {}): Labels {
  const [, key, value] = /^([^=\p{Cc}]{1,200})=([^\p{Cc}]{0,2000})$/u.exec(text) ?? [];
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError('It must be KEY=VALUE, for example app=db.');
  return { ...before, [key]: value };
}
