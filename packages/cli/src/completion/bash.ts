import type { Completions } from './completions.js';

/**
 * A function of bash that completes the command: with the words of the command that stands there, its options behind a `-`, and
 * names of files where it has none that fit. zsh takes it, too, by bashcompinit.
 */
export const bashCompletion = (all: readonly Completions[]): string => `_ckptree() {
  local current=\${COMP_WORDS[COMP_CWORD]} path='' words='' options='' at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "$path \${COMP_WORDS[at]}" in
      ${all.map(({ path }) => quoted(path)).join(' | ')}) path+=" \${COMP_WORDS[at]}" ;;
    esac
  done
  case "$path" in
${all.map(wordsCase).join('\n')}
  esac
  case "$path \${COMP_WORDS[COMP_CWORD - 1]}" in
${all.flatMap(valueCases).join('\n')}
  esac
  [[ $current == -* ]] && words=$options
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _ckptree ckptree
`;

const wordsCase = ({ path, words, options }: Completions): string =>
  `    ${quoted(path)}) words=${list(words.map(({ word }) => word))} options=${list(options.flatMap(({ flags }) => flags))} ;;`;

/** Behind an option that takes a value: its choices, or else names of files. */
const valueCases = ({ path, options }: Completions): string[] =>
  options
    .filter(({ takesValue }) => takesValue)
    .map(({ flags, choices }) => {
      const places = flags.map((flag) => quoted(`${path} ${flag}`)).join(' | ');
      return `    ${places}) words=${list(choices)} options='' ;;`;
    });

const list = (words: readonly string[]): string => quoted(words.join(' '));

/** Names of commands, options and choices have no quotes. */
const quoted = (text: string): string => `'${text}'`;
