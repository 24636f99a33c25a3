import { describe, expect, test } from '@jest/globals';
import { buildProgram } from '../dist/program.js';
import { ckptree, documentOf } from './support/ckptree.js';

const COMMANDS = [
  'run',
  'restart',
  'inspect',
  'verify',
  'diff',
  'core',
  'demo',
  'ls',
  'show',
  'import',
  'export',
  'rm',
];

describe('help', () => {
  test('is what there is without a command, with exit code 2', async () => {
    const { code, stdout, stderr } = await ckptree([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const command of COMMANDS) expect(stderr).toMatch(new RegExp(`^  ${command} `, 'm'));
  });

  test('tells the exit codes, the environment and every error code', async () => {
    const { code, stdout, stderr } = await ckptree(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const told of [
      'Exit codes:',
      'NO_COLOR',
      'CKPTREE_NATS_CLIENT_PASSWORD',
      'CKPTREE_DEBUG',
      'EBUSY',
      'ENOSYS',
    ])
      expect(stdout).toContain(told);
  });

  test.each(COMMANDS)('of %s has its options and examples', async (command) => {
    let help = '';
    const program = buildProgram(
      () => Promise.reject(new Error('the command was run')),
      async () => undefined,
    );
    for (const each of [program, ...program.commands])
      each.configureOutput({ writeOut: (text) => (help += text) });
    const asked = program.parseAsync([command, '--help'], { from: 'user' });
    await expect(asked).rejects.toMatchObject({ code: 'commander.helpDisplayed', exitCode: 0 });
    expect(help).toMatch(new RegExp(`^Usage: ckptree ${command} `));
    expect(help).toMatch(/--json .*--quiet .*--verbose/s);
    expect(help).toMatch(new RegExp(`Examples:\n  ckptree ${command}`));
  });

  test.each(['worker', 'storage', 'coordinator'])('of %s is that of the service', async (role) => {
    const { code, stdout } = await ckptree([role, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/--log-level .*--shutdown-timeout .*CKPTREE_LOG_LEVEL/s);
  });

  test('the version is that of the package', async () => {
    expect(await ckptree(['--version'])).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });
});

// biome-ignore format: a table
const MISTAKES: readonly (readonly [commandLine: string, complaint: RegExp])[] = [
  ['rum', /unknown command 'rum'[ \n]\(Did you mean one of rm, run\?\)/],
  ['help rum', /unknown command 'rum'/],
  ['help store rum', /unknown command 'rum'/],
  ['run', /nothing to run: give a SPEC\.json, or --core FILE/],
  ['run a.json b.json', /too many arguments/],
  ['run a.json --core b.core', /not both/],
  ['run a.json --chekpoint 1@5', /unknown option '--chekpoint'[ \n]\(Did you mean --checkpoint\?\)/],
  ['run a.json --checkpoint', /argument missing/],
  ['run a.json --checkpoint 1', /It must be PID@TICK, for example/],
  ['run a.json --checkpoint 0@5 --output x', /PID@TICK/],
  ['run a.json --checkpoint 1@-5 --output x', /PID@TICK/],
  ['run a.json --checkpoint 9999999@5 --output x', /PID must be from 1 to 4194303/],
  ['run a.json --checkpoint-every 5', /--checkpoint-every says more about a checkpoint/],
  ['run a.json --checkpoint 1@5 --output x --name y', /--name and --label are for the store/],
  ['run a.json --checkpoint 1@5 --checkpoint-every 5 --stop', /no later ones/],
  ['run a.json --output x', /--output says more about a checkpoint/],
  ['run a.json --stop', /--stop says more about a checkpoint/],
  ['run a.json --container', /--container says more about a checkpoint/],
  ['run a.json --cpus 0', /from 1 to 64/],
  ['run a.json --cpus two', /must be a whole number/],
  ['run a.json --ticks-per-second 0', /from 1 to 1000000000/],
  ['up --ticks-per-second many', /must be a whole number/],
  ['run a.json --memory 5', /from 1M to 256G/],
  ['run a.json --memory lots', /such as 512M or 4G/],
  ['run a.json --threads 1000000', /from 1 to 256/],
  ['restart', /missing required argument 'image'/],
  ['restart a.img --frozen --checkpoint 1@5 --output x', /never comes to its --checkpoint/],
  ['restart a --nats nats://x --lazy', /--lazy is for a restart on this machine, and --nats/],
  ['restart a --nats nats://x --memory 1G', /--memory is for a restart on this machine/],
  ['restart a --nats nats://x --checkpoint 1@5 --output x', /in a cluster .*`ckptree checkpoint PID`/],
  ['inspect a.img --map', /Did you mean --maps\?/],
  ['verify', /missing required argument 'image'/],
  ['diff a.img', /missing required argument 'b'/],
  ['core a.img --output x', /required option '-t, --task <pid>' not specified/],
  ['core a.img --task 1', /required option '-o, --output <core>' not specified/],
  ['core a.img --task one --output x', /must be a whole number/],
  ['demo now', /too many arguments/],
  ['checkpoint 1 --every 30s --stop', /--stop is for one checkpoint, and not for those of --every/],
  ['checkpoint 1 --every 30s --leave-frozen', /--leave-frozen is for one checkpoint/],
  ['checkpoint 1 --every 30s --timeout 1m', /--timeout is for one checkpoint/],
  ['checkpoint 1 --every 30s --key k', /--key is for one checkpoint/],
  ['checkpoint 1 --every 10ms', /from 1s to 365d/],
  ['checkpoint 1 --every 0s', /from 1s to 365d/],
  ['checkpoint 1 --every 999d', /from 1s to 365d/],
  ['checkpoint 1 --timeout 10ms', /from 1s to 24h/],
  ['checkpoint 1 --cron nightly', /the five fields of cron/],
  ['completion tcsh', /Allowed choices are bash, zsh, fish/],
  ['events --from 10minutes', /a number and a unit of ms, s, m, h or d/],
  ['events --from yesterday', /beginning, now, .* or how long ago, such as 10m/],
  ['store help rum', /unknown command 'rum'/],
  ['store verify --read-data --sample 5%', /--read-data reads all, and --sample a part; give one/],
  ['cancel Nightly!', /the whole id of a checkpoint, such as .* or of a schedule, such as s-1/],
];

describe('a command line that makes no sense', () => {
  // In this process: each would otherwise pay for one of its own.
  test.each(MISTAKES)('%s', async (commandLine, complaint) => {
    const neverRun = () => Promise.reject(new Error('the command was run'));
    const outcome = buildProgram(neverRun, async () => undefined).parseAsync(commandLine.split(' '), {
      from: 'user',
    });
    await expect(outcome).rejects.toMatchObject({
      exitCode: expect.any(Number),
      message: expect.stringMatching(complaint),
    });
  });

  test.each([
    [['run', ''], '<spec>'],
    [['rm', 'a', ''], '<checkpoints>'],
    [['show', ''], '<checkpoint>'],
    [['run', 'a.json', '-c', '1@5', '-o', ''], '-o, --output <image>'],
    [['up', '--data', ''], '--data <dir>'],
    [['ps', '--nats', ''], '--nats <url>'],
    [['ls', '--store', ''], '--store <folder>'],
  ])('%j has nothing where something must be', async (args, name) => {
    const neverRun = () => Promise.reject(new Error('the command was run'));
    const outcome = buildProgram(neverRun, async () => undefined).parseAsync(args, { from: 'user' });
    await expect(outcome).rejects.toMatchObject({ exitCode: 2, message: `${name} is empty` });
  });

  test('says what cannot be in few words, and repeats in part only what is long', async () => {
    const told = async (...args: string[]) => (await ckptree(args)).stderr.split('\n')[0];
    expect(await told('run', 'a.json', '--cpus', '0')).toBe(
      "ckptree: EINVAL: --cpus <n> cannot be '0'. It must be from 1 to 64.",
    );
    expect(await told('freeze', 'x')).toBe(
      "ckptree: EINVAL: <pid> cannot be 'x'. It must be a whole number.",
    );
    expect(await told('run', 'a.json', '--name', 'n'.repeat(500))).toMatch(
      /^ckptree: EINVAL: --name <name> cannot be 'n{80}\.\.\.'\. It must have 1 to 200 characters/,
    );
  });

  test.each([
    [['forget', '--keep-last', '3'], "unknown command 'forget' (Did you mean store forget?)"],
    [['help', 'gc'], "unknown command 'gc' (Did you mean store gc?)"],
    [['store', 'ls'], "unknown command 'ls' (Did you mean ls?)"],
    [['restore', 'x'], "unknown command 'restore' (Did you mean one of restart, store?)"],
  ])('%j is told where such a command is', async (args, complaint) => {
    expect((await ckptree(args)).stderr).toMatch(`ckptree: EINVAL: ${complaint}\n`);
  });

  test('is one complaint with a hint and exit code 2, and nothing else', async () => {
    const { code, stdout, stderr } = await ckptree(['run', 'a.json', '--chekpoint', '1@5']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(
      "ckptree: EINVAL: unknown option '--chekpoint' (Did you mean --checkpoint?)\n  ckptree run --help tells more\n",
    );
  });

  test('hints at the help of the very command, also below others', async () => {
    const { stderr } = await ckptree(['store', 'key', 'remove']);
    expect(stderr).toMatch(/^ {2}ckptree store key remove --help tells more$/m);
  });

  test('is told as a document, too, with --json', async () => {
    const { code, stdout } = await ckptree(['verify', '--json']);
    expect(code).toBe(2);
    expect(documentOf('error', stdout)).toMatchObject({ error: { code: 'EINVAL' } });
  });

  test('so is an unknown debug area', async () => {
    const { code, stderr } = await ckptree(['verify', 'x'], { env: { CKPTREE_DEBUG: 'mm,pages' } });
    expect(code).toBe(2);
    expect(stderr).toMatch(/CKPTREE_DEBUG: .*'pages'.*mm, page, obj, file, rw/);
  });
});
