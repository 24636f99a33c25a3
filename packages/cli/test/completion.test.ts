import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { expect, test } from '@jest/globals';
import { buildProgram } from '../dist/program.js';
import { ckptree, shell } from './support/ckptree.js';

const program: CommandUnknownOpts = buildProgram(
  () => Promise.reject(new Error('the command was run')),
  async () => undefined,
);

/** A command, how it is called, and what its help shows. */
interface Shown {
  readonly line: readonly string[];
  readonly words: readonly string[];
  readonly flags: readonly string[];
}

function shownBy(command: CommandUnknownOpts, line: readonly string[]): Shown[] {
  const help = command.helpInformation();
  const [, commands = ''] = /^Commands:\n((?: .*\n)*)/m.exec(help) ?? [];
  const [, choices = ''] = /^Arguments:\n.*\(choices: (.*)\)/m.exec(help) ?? [];
  const [, options = ''] = /^Options:\n((?: .*\n)*)/m.exec(help) ?? [];
  return [
    {
      line,
      words: [...commands.matchAll(/^ {2}([a-z]+)/gm), ...choices.matchAll(/"([a-z]+)"/g)].map(
        ([, word = '']) => word,
      ),
      flags: [...options.matchAll(/^ {2}(-.*?)(?: {2}|$)/gm)].flatMap(([, text = '']) =>
        text.split(/,? /).filter((word) => word.startsWith('-')),
      ),
    },
    ...command.commands.flatMap((inner) => shownBy(inner, [...line, inner.name()])),
  ];
}

const all = shownBy(program, ['ckptree']);

/** What bash offers behind each of these words, in place of the last. */
async function offered(lines: readonly (readonly string[])[]): Promise<string[][]> {
  const asked = lines.map((words) => {
    const typed = words.map((word) => `'${word}'`).join(' ');
    return `COMP_WORDS=(${typed}); COMP_CWORD=${words.length - 1}; _ckptree; echo "\${COMPREPLY[@]}"`;
  });
  const { stdout } = await ckptree(['completion', 'bash']);
  const { code, stdout: answers, stderr } = await shell(`${stdout}\n${asked.join('\n')}`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return answers
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').filter((word) => word !== ''));
}

test('bash is offered the commands and the options that the help of each command shows', async () => {
  expect(all.length).toBeGreaterThan(30);
  const words = await offered([...all.map(({ line }) => [...line, '']), ['ckptree', 're']]);
  expect(words).toEqual([...all.map((shown) => shown.words), ['restart', 'retention']]);
  const flags = await offered([...all.map(({ line }) => [...line, '-']), ['ckptree', 'up', '--w']]);
  expect(flags.map((each) => each.sort())).toEqual([
    ...all.map((shown) => [...shown.flags].sort()),
    ['--workers'],
  ]);
});

test('bash is offered the values of an option, or none and completes names of files', async () => {
  const lines = [
    ['ckptree', 'up', '--carrier', ''],
    ['ckptree', 'up', '--carrier', 'v'],
    ['ckptree', 'run', '--output', ''],
    ['ckptree', 'run', 'tree.json', '-o', '-'],
    ['ckptree', '--help', 'store', 'key', 'a'],
    ['ckptree', 'nothing', 'gc', ''],
  ];
  expect(await offered(lines)).toEqual([['volume', 'nats'], ['volume'], [], [], ['add'], all[0]!.words]);
});

test('fish is told of every command and option with what it does', async () => {
  const { code, stdout } = await ckptree(['completion', 'fish']);
  expect(code).toBe(0);
  for (const { line, words, flags } of all) {
    const path = line
      .slice(1)
      .map((word) => ` ${word}`)
      .join('');
    const here = `complete -c ckptree -n '__ckptree_at \\'${path}\\'' `;
    const told = stdout.split('\n').filter((line) => line.startsWith(here));
    for (const word of words)
      expect(told).toContainEqual(expect.stringMatching(new RegExp(` -f -a ${word} -d '.+'$`)));
    for (const flag of flags)
      expect(told).toContainEqual(
        expect.stringMatching(
          new RegExp(` -${flag.startsWith('--') ? 'l' : 's'} ${flag.replace(/^-+/, '')} .*-d '.+'$`),
        ),
      );
  }
});
