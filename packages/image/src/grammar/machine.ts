import type { RecordTypeName } from '../constants.js';
import type { Finding } from '../finding.js';
import { Context } from './context.js';
import { error, failureStates } from './failure.js';
import { fileStates } from './files.js';
import { headStates } from './head.js';
import { mmStates } from './mm.js';
import { pageStates } from './pages.js';
import { pidsStates } from './pids.js';
import type { State } from './state.js';
import { taskObjsStates } from './task-objs.js';
import { taskStates } from './tasks.js';
import type { Transition, Transitions } from './transition.js';
import type { ImageVisitor } from './visitor.js';

/**
 * The grammar of an image: for each state, the records that may come and what is done with them. ERROR may come in
 * any. `end` and `failed` take nothing: the image is over.
 */
const STATES: Readonly<Record<State, Transitions>> = {
  ...headStates,
  ...pidsStates,
  ...taskStates,
  ...taskObjsStates,
  ...fileStates,
  ...mmStates,
  ...pageStates,
  ...failureStates,
  end: {},
  failed: {},
};

/**
 * Where a record belongs that comes out of order, if that can be told: in the only state that takes it. An object that
 * is announced starts anew among the objects of a task.
 */
const HOMES = homes();

function homes(): ReadonlyMap<RecordTypeName, State | undefined> {
  const found = new Map<RecordTypeName, State | undefined>();
  for (const [state, transitions] of Object.entries(STATES) as [State, Transitions][])
    for (const name of Object.keys(transitions) as RecordTypeName[])
      found.set(name, found.has(name) ? undefined : state);
  return found.set('OBJREF', 'objects');
}

/**
 * The one state machine behind strict reading and verification: it is given record after record and knows which
 * may come next. A record that does not belong is reported, once until the grammar is found again; the machine
 * goes on where such a record belongs if that is a single state, and skips it otherwise.
 */
export class Machine {
  readonly context: Context;
  #state: State = 'header';

  constructor(visitor: ImageVisitor, onFinding: (finding: Finding) => void) {
    this.context = new Context(visitor, onFinding);
  }

  /** True when nothing more is to come. */
  get ended(): boolean {
    return this.#state === 'end' || this.#state === 'failed';
  }

  /** The image is over and whole, as far as its records go. */
  get complete(): boolean {
    return this.#state === 'end';
  }

  /** What to do with a record; undefined: skip it. */
  expect(name: RecordTypeName, position: number): Transition | undefined {
    if (name === 'ERROR') return error;
    const { context } = this;
    const transition = STATES[this.#state][name];
    if (transition !== undefined) {
      context.lost = false;
      return transition;
    }
    if (!HOMES.has(name)) {
      context.report('record-unsupported', position, `${name} records are not supported`);
      return undefined;
    }
    if (!context.lost)
      context.report('record-order', position, `${name} stands where ${this.expected} should be`);
    context.lose();
    const home = HOMES.get(name);
    if (home === undefined) return undefined;
    context.lost = false;
    this.#state = home;
    return STATES[home][name];
  }

  /** Goes on to what comes behind a record. */
  enter(state: State): void {
    this.#state = state;
  }

  /** A record is damaged beyond use. */
  skipDamaged(): void {
    // Most likely it was the one that should be here; if that is a task, those behind it keep their pids.
    if (!this.context.lost && this.#state === 'task') this.context.tasks++;
    this.context.lose();
  }

  /** What may come, for messages. */
  get expected(): string {
    return Object.keys(STATES[this.#state]).join(' or ');
  }
}
