import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome, Session } from '../session.js';
import type { CheckpointReport } from '../tree/checkpoint-report.js';
import type { TreeReport } from '../tree/tree-report.js';
import { CkptreeProcess } from './ckptree-process.js';
import { compareTasks } from './compare.js';
import type { DemoReport } from './demo-report.js';
import { DEMO_TICK, DEMO_TREE, demoText } from './demo-tree.js';
import * as story from './story.js';

/** Fewer would be no tree to speak of. */
const LEAST_TASKS = 20;

/**
 * Runs a tree undisturbed, runs it again, takes a checkpoint while it runs, kills it, restarts it, and compares how each
 * task ended. Every one of these trees runs in a process of its own, by the same commands that people type.
 */
export async function demo(session: Session): Promise<Outcome<DemoReport>> {
  const folder = await mkdtemp(join(tmpdir(), 'ckptree-demo-'));
  try {
    return await new Demo(folder, session).play();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class Demo {
  readonly #session: Session;
  readonly #spec: string;
  readonly #image: string;
  readonly #text: string;

  constructor(folder: string, session: Session) {
    this.#session = session;
    this.#spec = join(folder, 'demo.json');
    this.#image = join(folder, 'demo.img');
    this.#text = join(folder, DEMO_TREE.files[0].path);
  }

  async play(): Promise<Outcome<DemoReport>> {
    const { narrate } = this.#session;
    await writeFile(this.#text, demoText());
    await writeFile(this.#spec, JSON.stringify(DEMO_TREE));

    narrate(story.opening);
    const undisturbed = await this.#runUndisturbed();
    narrate(story.undisturbed(undisturbed));
    const checkpoint = await this.#runAndKill();
    narrate(story.checkpointed(checkpoint));
    narrate(story.killed(checkpoint));
    const restarted = await this.#restart();
    narrate(story.restarted(restarted));

    const comparison = compareTasks(undisturbed.tasks, restarted.tasks);
    const { equal, different } = comparison;
    const whole = restarted.tasks.length >= checkpoint.tasks && equal.length >= LEAST_TASKS;
    const report = {
      proved: whole && different.length === 0,
      tasks: undisturbed.tasks.length,
      undisturbedMs: undisturbed.elapsedMs,
      checkpoint,
      restartedMs: restarted.elapsedMs,
      ...comparison,
    };
    return { report, exitCode: report.proved ? 0 : 1 };
  }

  #runUndisturbed(): Promise<TreeReport> {
    return this.#withProcess('running the tree', ['run', this.#spec], (process) =>
      process.report<TreeReport>(),
    );
  }

  #runAndKill(): Promise<CheckpointReport> {
    const args = ['run', this.#spec, '--checkpoint', `1@${DEMO_TICK}`, '--output', this.#image];
    return this.#withProcess('running it again', args, async (process) => {
      const { checkpoint } = await process.announcement();
      await process.kill('SIGKILL');
      return checkpoint;
    });
  }

  #restart(): Promise<TreeReport> {
    return this.#withProcess('running the restarted tree', ['restart', this.#image], (process) =>
      process.report<TreeReport>(),
    );
  }

  /** Starts a command and sees to it that it is gone afterwards, also when this one is asked to end. */
  async #withProcess<Result>(
    activity: string,
    args: readonly string[],
    use: (process: CkptreeProcess) => Promise<Result>,
  ): Promise<Result> {
    const { signal, progress } = this.#session;
    signal.throwIfAborted();
    const process = new CkptreeProcess(args);
    const start = performance.now();
    const onAbort = (): void => void process.kill('SIGTERM');
    signal.addEventListener('abort', onAbort);
    try {
      const seconds = () => `${((performance.now() - start) / 1_000).toFixed(1)} s`;
      return await progress.during(activity, seconds, () => use(process));
    } finally {
      signal.removeEventListener('abort', onAbort);
      await process.kill('SIGKILL');
    }
  }
}
