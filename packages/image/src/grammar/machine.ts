import type { RecordTypeName } from '../constants.js';
import type { Finding } from '../finding.js';
import { Context } from './context.js';
import { error, failureStates } from './failure.js';
import { fileStates } from './files.js';
import { headStates } from './head.js';
import { mmStates } from './mm.js';
import { objectTypeName } from './objects.js';
import { pageStates } from './pages.js';
import { pidsStates } from './pids.js';
import type { State } from './state.js';
import { taskObjectStates } from './task-objects.js';
import { taskStates } from './tasks.js';
import { fixed, type Transition, type Transitions } from './transition.js';
import type { ImageVisitor } from './visitor.js';

/**
 * The grammar of an image: for each state, the records that may come and what is done with them. ERROR may come in
 * any. `end` and `failed` take nothing: the image is over.
 */
const STATES: Readonly<Record<State, Transitions>> = {
  ...headStates,
  ...pidsStates,
  ...taskStates,
  ...taskObjectStates,
  ...fileStates,
  ...mmStates,
  ...pageStates,
  ...failureStates,
  end: {},
  failed: {},
};

/** The states that take a record, by its name. */
const TAKERS = takers();

function takers(): ReadonlyMap<RecordTypeName, readonly State[]> {
  const states = new Map<RecordTypeName, State[]>();
  for (const [state, transitions] of Object.entries(STATES) as [State, Transitions][])
    for (const name of Object.keys(transitions) as RecordTypeName[])
      states.set(name, [...(states.get(name) ?? []), state]);
  return states;
}

/**
 * The one state machine behind strict reading and verification: it is given record after record and knows which
 * may come next. A record that does not belong is reported, once until the grammar is found again; the machine
 * goes on where such a record belongs if that is a single state, and skips it otherwise.
 */
export class Machine {
  readonly context: Context;
  #state: State = 'header';
  #lost = false;

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
    const transition = STATES[this.#state][name];
    if (transition !== undefined) {
      this.#lost = false;
      return transition;
    }
    const [home, ...others] = TAKERS.get(name) ?? [];
    if (home === undefined) {
      this.context.report('record-unsupported', position, `${name} records are not supported`);
      return undefined;
    }
    if (!this.#lost)
      this.context.report('record-order', position, `${name} stands where ${this.expected} should be`);
    this.#lose();
    if (others.length > 0) return name === 'OBJREF' ? this.#lostObjref : undefined;
    this.#lost = false;
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
    if (!this.#lost && this.#state === 'task') this.context.tasks++;
    this.#lose();
  }

  /** What may come, for messages. */
  get expected(): string {
    return Object.keys(STATES[this.#state]).join(' or ');
  }

  /** What comes is not reported until it makes sense again, and counts are not trusted. */
  #lose(): void {
    this.#lost = true;
    this.context.forgetCounts();
  }

  /** Among records that make no sense, an object is still taken as defined, lest each use of it be reported. */
  readonly #lostObjref: Transition = fixed('OBJREF', (context, { objtype, objref }) => {
    const type = objectTypeName(objtype);
    if (type !== undefined) context.objects.assume(type, objref);
    return this.#state;
  });
}
