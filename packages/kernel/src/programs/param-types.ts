import { Type } from '@ckptree/schema';

/** Types of parameters that several programs have. */

/** A path; in a spec, relative to the folder of the spec. As long as PATH_MAX of Linux lets it be. */
export const PathParam = (description: string) =>
  Type.String({ format: 'path', pattern: '^[^\\u0000]{1,4095}$', description });

/** Without it the pid is the seed, so that copies of a task differ. */
export const SeedParam = () =>
  Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 0xffff_ffff,
      description: "Seed of the random sequence; the task's pid when absent.",
    }),
  );

export const CountParam = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: value, minimum, maximum, description });

/** Where the pids of children begin. */
export const PidParam = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: 4_194_303, description }));
