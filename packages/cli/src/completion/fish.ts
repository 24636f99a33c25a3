import type { CompletedOption, Completions } from './completions.js';

/** What fish is told of the command: words with what they do. */
export const fishCompletion = (all: readonly Completions[]): string => `function __ckptree_at
    set -l path
    for word in (commandline -opc)[2..-1]
        contains -- "$path $word" ${all.map(({ path }) => quoted(path)).join(' ')}; and set path "$path $word"
    end
    test "$path" = "$argv"
end
complete -c ckptree -e
${all.flatMap(linesOf).join('\n')}
`;

function linesOf({ path, words, options }: Completions): string[] {
  const here = `complete -c ckptree -n ${quoted(`__ckptree_at ${quoted(path)}`)}`;
  return [
    ...words.map(({ word, summary }) => `${here} -f -a ${word} -d ${quoted(summary)}`),
    ...options.map(
      (option) => `${here} ${flagsOf(option)}${argumentOf(option)} -d ${quoted(option.summary)}`,
    ),
  ];
}

const flagsOf = ({ flags }: CompletedOption): string =>
  flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ');

function argumentOf({ takesValue, choices }: CompletedOption): string {
  if (choices.length > 0) return ` -x -a ${quoted(choices.join(' '))}`;
  return takesValue ? ' -r' : '';
}

/** fish has no other escapes in single quotes. */
const quoted = (text: string): string => `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
