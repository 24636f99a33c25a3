import { asCkptError, CkptError } from '@ckptree/errors';
import { type Static, Type } from '@ckptree/schema';
import type { Sys } from '../program.js';
import { listed, validatorOf } from '../schema/validation.js';
import { MAX_TEXT_BYTES, parseJson } from '../spec/json-text.js';
import { conclude, machine } from './machine.js';
import { mapMemory } from './memory.js';
import { PidParam } from './param-types.js';
import { fold } from './random.js';

const Command = Type.Object(
  {
    program: Type.String({ minLength: 1, maxLength: 64, description: 'A registered program.' }),
    params: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'Its parameters.' })),
    pid: PidParam("Its pid; the shell's own + 1 + the number of the command when absent."),
    session: Type.Optional(Type.Boolean({ description: 'Begins a session of its own (setsid).' })),
    group: Type.Optional(Type.Boolean({ description: 'Begins a process group of its own (setpgid).' })),
  },
  { additionalProperties: false },
);
type Command = Static<typeof Command>;

/** Exit codes of a command that could not be started, as POSIX shells use them. */
const CANNOT_EXECUTE = 126;
const NOT_FOUND = 127;

/** The script: an entry of four words for each command, and their texts as JSON behind them. */
const ENTRY_SIZE = 16;
const TEXT = 0;
const TEXT_LENGTH = 4;
const PID = 8;
const STATUS = 12;

function writeScript(sys: Sys, commands: readonly Command[]): number {
  const texts = commands.map((command) => Buffer.from(JSON.stringify(command)));
  const entries = commands.length * ENTRY_SIZE;
  const script = mapMemory(
    sys,
    texts.reduce((length, text) => length + text.length, entries),
  );
  let end = entries;
  for (const [index, text] of texts.entries()) {
    const entry = script + index * ENTRY_SIZE;
    sys.mem.setU32(entry + TEXT, end);
    sys.mem.setU32(entry + TEXT_LENGTH, text.length);
    sys.mem.setU32(entry + PID, commands[index]!.pid ?? sys.pid + 1 + index);
    sys.mem.write(script + end, text);
    end += text.length;
  }
  return script;
}

/**
 * Memory may come from an image that somebody made up.
 * @throws E2BIG the text is longer than any spec; EINVAL it is no command
 */
function readCommand(sys: Sys, script: number, index: number): Command {
  const entry = script + index * ENTRY_SIZE;
  const length = sys.mem.u32(entry + TEXT_LENGTH);
  if (length > MAX_TEXT_BYTES) throw new CkptError('E2BIG', `command ${index} takes ${length} bytes`);
  const text = sys.mem.read(script + sys.mem.u32(entry + TEXT), length);
  const command = parseJson(Buffer.from(text).toString());
  const faults = faultsOf(command);
  if (faults.length > 0) throw new CkptError('EINVAL', `command ${index} is damaged: ${listed(faults)}`);
  return command as Command;
}

const faultsOf = validatorOf(Command);

/** In the child: nothing of the shell is left behind a call of exec that succeeds. */
function execute(sys: Sys, { program, params = {}, session, group }: Command): void {
  if (session === true) sys.setsid();
  else if (group === true) sys.setpgid(sys.pid);
  try {
    sys.exec(program, params);
  } catch (error) {
    sys.exit(asCkptError(error).code === 'ENOENT' ? NOT_FOUND : CANNOT_EXECUTE);
  }
}

export const shell = machine({
  name: 'shell',
  summary: 'Executes other programs as its children, all at once or one by one, and waits for each.',
  waits: true,
  params: Type.Object(
    {
      commands: Type.Array(Command, {
        minItems: 1,
        maxItems: 10_000,
        description: 'What it executes, in order.',
      }),
      parallel: Type.Boolean({ default: true, description: 'false: it waits for each before the next.' }),
    },
    { additionalProperties: false },
  ),
  executes: 'commands',
  variables: ['script', 'count', 'parallel', 'started', 'reaped', 'failed', 'sum'],

  start(sys, { commands, parallel }, frame) {
    frame.script = writeScript(sys, commands);
    frame.count = commands.length;
    frame.parallel = parallel ? 1 : 0;
  },

  states: {
    launch(sys, frame) {
      frame.state = 'launched';
      sys.clone({ pid: sys.mem.u32(frame.script + frame.started * ENTRY_SIZE + PID) });
      return 'ran';
    },

    launched(sys, frame) {
      if (frame.ax === 0) {
        execute(sys, readCommand(sys, frame.script, frame.started));
        return 'ran';
      }
      frame.started += 1;
      frame.state = frame.parallel === 1 && frame.started < frame.count ? 'launch' : 'reap';
      return 'ran';
    },

    reap(sys, frame) {
      const entry = frame.script + frame.reaped * ENTRY_SIZE;
      const ended = sys.wait(sys.mem.u32(entry + PID));
      if (ended === undefined) return 'blocked';
      sys.mem.setU32(entry + STATUS, ended.status);
      frame.sum = fold(frame.sum, ended.status);
      if (ended.status !== 0) frame.failed += 1;
      frame.reaped += 1;
      if (frame.started < frame.count) {
        if (frame.reaped === frame.started) frame.state = 'launch';
        return 'ran';
      }
      if (frame.reaped < frame.count) return 'ran';
      frame.ax = frame.sum;
      return conclude(sys, frame.failed === 0);
    },
  },
});
