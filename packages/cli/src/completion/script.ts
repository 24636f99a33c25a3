import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { bashCompletion } from './bash.js';
import { completionsOf } from './completions.js';
import { fishCompletion } from './fish.js';

/** What a shell is to read so that it completes the commands and options of a program. */
export function completionScript(shell: 'bash' | 'zsh' | 'fish', program: CommandUnknownOpts): string {
  const all = completionsOf(program);
  if (shell === 'fish') return fishCompletion(all);
  return `${shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}${bashCompletion(all)}`;
}
