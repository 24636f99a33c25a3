import { resolve } from 'node:path';
import { CkptError } from '@ckptree/errors';
import type { Program } from '../program.js';
import { listed, type Validator, validatorOf } from '../schema/validation.js';
import { PROGRAMS, programNamed } from './registry.js';

export interface ParamsPlace {
  /** Relative paths are taken from this folder; without it they are left alone. */
  readonly baseFolder?: string;
  /** JSON pointer to the parameters, for errors. */
  readonly field?: string;
}

const VALIDATORS: ReadonlyMap<string, Validator> = new Map(
  [...PROGRAMS].map(([name, { params }]) => [name, validatorOf(params)]),
);

/**
 * The parameters as `start` wants them: valid, with defaults, paths resolved; those of programs that it will
 * execute as well. What was given stays as it is.
 * @param params plain JSON data; absent is the same as an empty object
 * @throws EINVAL what is wrong, with the JSON pointer as `field`; ENOENT this program, or one to be executed, does not exist
 */
export function prepareParams(
  name: string,
  params: unknown = {},
  { baseFolder, field = '' }: ParamsPlace = {},
): Record<string, unknown> {
  const program = programNamed(name);
  const prepared = structuredClone(params) as Record<string, unknown>;
  const findings = VALIDATORS.get(name)!(prepared, field);
  if (findings[0] !== undefined)
    throw new CkptError('EINVAL', `parameters of ${name}: ${listed(findings)}`, {
      field: findings[0].pointer,
    });
  const wrong = program.check?.(prepared);
  if (wrong !== undefined) throw new CkptError('EINVAL', `parameters of ${name}: ${wrong}`, { field });
  if (baseFolder !== undefined) resolvePaths(program, prepared, baseFolder);
  if (program.executes !== undefined)
    prepareCommands(prepared[program.executes] as Command[], `${field}/${program.executes}`, baseFolder);
  return prepared;
}

interface Command {
  readonly program: string;
  params?: unknown;
}

function prepareCommands(commands: Command[], field: string, baseFolder: string | undefined): void {
  for (const [index, command] of commands.entries()) {
    programNamed(command.program, `${field}/${index}/program`);
    const place = { field: `${field}/${index}/params`, ...(baseFolder !== undefined && { baseFolder }) };
    command.params = prepareParams(command.program, command.params, place);
  }
}

function resolvePaths(program: Program, params: Record<string, unknown>, baseFolder: string): void {
  for (const [name, schema] of Object.entries(program.params.properties)) {
    const value = params[name];
    if ('format' in schema && schema.format === 'path' && typeof value === 'string')
      params[name] = resolve(baseFolder, value);
  }
}
