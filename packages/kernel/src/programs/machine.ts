import { CkptError } from '@ckptree/errors';
import type { Static, TObject } from '@ckptree/schema';
import type { Program, Sys, Tick } from '../program.js';
import type { RegisterName, Registers } from '../registers.js';

/** The registers that variables live in, in order; `ax` holds results, `ip` the state. */
// biome-ignore format: a list, not one a line
const VARIABLE_REGISTERS = [
  'bx', 'cx', 'dx', 'si', 'di', 'bp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15',
] as const satisfies readonly RegisterName[];

/**
 * The registers of a task under the names that its program gives them: assigning `frame.count` sets the register
 * itself. Variables are integers from 0 to 2^53 - 1.
 */
export type Frame<Variable extends string, State extends string> = Record<Variable, number> & {
  /** The state that the next tick runs; lives in `ip`. */
  state: State;
  /** What clone() left there, and a program's result. */
  ax: number;
};

/** Sets several variables at once. */
export function assign<F extends object>(frame: F, values: Partial<F>): void {
  Object.assign(frame, values);
}

/** One tick in one state. It changes `frame.state` to move on. */
type Step<F> = (sys: Sys, frame: F) => Tick;

export interface MachineDefinition<Params extends TObject, Variable extends string, State extends string> {
  readonly name: string;
  readonly summary: string;
  readonly params: Params;
  readonly executes?: string;
  readonly waits?: boolean;
  /** At most as many as there are registers for them. They begin as 0. */
  readonly variables: readonly Variable[];
  /** What the schema cannot say: a sentence about what is wrong, or undefined. */
  check?(params: Static<Params>): string | undefined;
  start(sys: Sys, params: Static<Params>, frame: Frame<Variable, NoInfer<State>>): void;
  /** The first one is where a program begins. */
  readonly states: { readonly [K in State]: Step<Frame<Variable, State>> };
}

/** Ends the task: 0 says that everything it checked was as it must be, 1 that something was not. */
export function conclude(sys: Sys, held: boolean): Tick {
  sys.exit(held ? 0 : 1);
  return 'ran';
}

/** A program from its states. Each is a function that one tick runs, and the registers have names. */
export function machine<Params extends TObject, Variable extends string, State extends string>(
  definition: MachineDefinition<Params, Variable, State>,
): Program {
  const { name, states, start, check } = definition;
  const names = Object.keys(states) as State[];
  const steps = names.map((state) => states[state]);
  const frameOf = frames(definition.variables, names);
  return {
    name,
    summary: definition.summary,
    params: definition.params,
    ...(definition.executes !== undefined && { executes: definition.executes }),
    ...(definition.waits !== undefined && { waits: definition.waits }),
    ...(check !== undefined && { check: (params) => check(params as Static<Params>) }),
    start: (sys, params) => start(sys, params as Static<Params>, frameOf(sys.regs)),
    step(sys) {
      const step = steps[sys.regs.get('ip')];
      // Registers may come from an image that somebody made up.
      if (step === undefined)
        throw new CkptError('EFAULT', `program ${name} has no state ${sys.regs.get('ip')}`, { pid: sys.pid });
      return step(sys, frameOf(sys.regs));
    },
  };
}

/** A class whose accessors read and write registers; an object of it is as cheap as one field. */
function frames<Variable extends string, State extends string>(
  variables: readonly Variable[],
  states: readonly State[],
): (regs: Registers) => Frame<Variable, State> {
  class RegisterFrame {
    readonly regs: Registers;
    constructor(regs: Registers) {
      this.regs = regs;
    }
  }
  const registers = Object.fromEntries(variables.map((name, index) => [name, VARIABLE_REGISTERS[index]]));
  for (const [name, register] of Object.entries({ ...registers, ax: 'ax' as const })) {
    if (register === undefined) throw new CkptError('EINVAL', `no register is left for variable ${name}`);
    Object.defineProperty(RegisterFrame.prototype, name, {
      get(this: RegisterFrame) {
        return this.regs.get(register);
      },
      set(this: RegisterFrame, value: number) {
        this.regs.set(register, value);
      },
    });
  }
  const numbers = new Map(states.map((state, number) => [state, number]));
  Object.defineProperty(RegisterFrame.prototype, 'state', {
    get(this: RegisterFrame) {
      return states[this.regs.get('ip')];
    },
    set(this: RegisterFrame, state: State) {
      this.regs.set('ip', numbers.get(state)!);
    },
  });
  return (regs) => new RegisterFrame(regs) as unknown as Frame<Variable, State>;
}
