import { EXIT_ZOMBIE } from '@ckptree/model';
import { KERNEL_CONSTANTS, RECORD_HEADER_SIZE, RESTART_BLOCK_NONE, TAIL_MAGIC } from '../constants.js';
import { between, exactly } from '../lengths.js';
import { hex } from '../printable.js';
import { CPU } from '../records/cpu.js';
import type { RecordValues } from '../records.js';
import type { Context } from './context.js';
import type { State } from './state.js';
import { readText } from './text.js';
import { fixed, type Place, payload, type Transition, type Transitions } from './transition.js';

type Values = RecordValues<'TASK'>;

const task: Transition = fixed('TASK', (context, values, at) => {
  const { taskCount } = context;
  context.startTask(values);
  if (taskCount !== undefined && context.tasks > taskCount) {
    context.report('task-count', at.position, `task ${context.tasks} of a tree of ${taskCount}`);
    context.taskCount = undefined;
  }
  if (values.exit_state !== 0 && values.exit_state !== EXIT_ZOMBIE)
    context.report(
      'task-state',
      at.field('exit_state'),
      `the exit state is ${values.exit_state}; it is 0 (alive) or ${EXIT_ZOMBIE} (zombie)`,
    );
  checkStatus(context, values, at);
  return 'comm';
});

/** The largest status: an exit code of 8 bits above the signal, as wait() tells it. */
const LARGEST_STATUS = 0xffff;
/** `exit_signal` of a thread, whose end its parent is not told of. */
const NO_SIGNAL = 0xffff_ffff;

function checkStatus(context: Context, values: Values, at: Place<keyof Values>): void {
  const { exit_code, exit_signal, pdeath_signal } = values;
  if (exit_code > LARGEST_STATUS)
    context.report('out-of-range', at.field('exit_code'), `the exit code is ${hex(exit_code)}`);
  if (exit_signal > KERNEL_CONSTANTS.signal_nsig && exit_signal !== NO_SIGNAL)
    context.report('out-of-range', at.field('exit_signal'), `the end is told by signal ${exit_signal}`);
  if (pdeath_signal > KERNEL_CONSTANTS.signal_nsig)
    context.report(
      'out-of-range',
      at.field('pdeath_signal'),
      `the end of the parent is told by signal ${pdeath_signal}`,
    );
}

const comm: Transition = payload(
  between(RECORD_HEADER_SIZE + 1, RECORD_HEADER_SIZE + KERNEL_CONSTANTS.task_comm_len),
  (context, record) => {
    const { task } = context;
    const text = readText(context, record, 'name of the task');
    if (task === undefined) return 'thread';
    task.comm = text;
    context.visitor.task(task.values, text);
    if (task.values.exit_state === 0) return 'thread';
    context.endTask();
    return 'task';
  },
);

const thread: Transition = fixed('THREAD', (context, values) => {
  context.visitor.thread(values);
  return 'restart-block';
});

const restartBlock: Transition = fixed('RESTART_BLOCK', (context, values, at) => {
  const { function_type, ...args } = values;
  if (function_type !== RESTART_BLOCK_NONE)
    context.report(
      'restart-block',
      at.field('function_type'),
      `the task waits in a system call that is restarted by function ${function_type}; none (1) is supported`,
    );
  else
    for (const [name, value] of Object.entries(args))
      if (value !== 0n)
        context.report(
          'not-zero',
          at.field(name as keyof typeof args),
          `${name} is ${value} though no function takes it`,
        );
  context.visitor.restartBlock(values);
  return 'cpu';
});

const cpu: Transition = payload(exactly(CPU.size), (context, { bytes }) => {
  context.visitor.cpu(bytes);
  return 'objects';
});

/** The end of a whole image. */
const tail: Transition = fixed('TAIL', (context, { magic }, at) => {
  const { tasks, taskCount } = context;
  if (taskCount !== undefined && tasks !== taskCount)
    context.report('task-count', at.position, `the image ends after ${tasks} of ${taskCount} tasks`);
  if (magic !== TAIL_MAGIC)
    context.report(
      'tail-magic',
      at.field('magic'),
      `the tail magic is 0x${magic.toString(16)} instead of 0x${TAIL_MAGIC.toString(16)}`,
    );
  return 'end';
});

export const taskStates = {
  task: { TASK: task, TAIL: tail },
  comm: { STRING: comm },
  thread: { THREAD: thread },
  'restart-block': { RESTART_BLOCK: restartBlock },
  cpu: { CPU: cpu },
} satisfies Partial<Record<State, Transitions>>;
