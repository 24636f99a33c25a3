import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderPlot } from '@ckptree/plot';
import { formatMachine, type Machine } from './machine.js';
import type { Curve, Section } from './scenario.js';
import { formatSection } from './table.js';

export interface ReportOptions {
  readonly machine: Machine;
  readonly memoryMiB: number;
  readonly runs: number;
  /** Folder of the curves; without it none is drawn. */
  readonly plots: string | undefined;
  /** File of the figures. */
  readonly json: string | undefined;
}

/** What was measured, told and kept as soon as it is there. */
export class Report {
  readonly #options: ReportOptions;
  readonly #results: (Section & { readonly scenario: string })[] = [];
  readonly #date = new Date().toISOString();

  constructor(options: ReportOptions) {
    this.#options = options;
    const { machine, runs } = options;
    process.stdout.write(`${formatMachine(machine)}; median (min to max) of ${runs} runs\n`);
  }

  async add(scenario: string, finding: Section | Curve): Promise<void> {
    if ('plot' in finding) return this.#draw(scenario, finding);
    process.stdout.write(`\n${scenario}: ${formatSection(finding)}`);
    this.#results.push({ scenario, ...finding });
    await this.#save();
  }

  async #draw(scenario: string, { name, plot }: Curve): Promise<void> {
    const { plots, memoryMiB, runs, machine } = this.#options;
    if (plots === undefined) return;
    const command = `npm run bench -- ${scenario} --memory ${memoryMiB} --runs ${runs} --plots ${plots}`;
    await mkdir(plots, { recursive: true });
    const source = `${command} (${formatMachine(machine)})`;
    await writeFile(join(plots, `${name}.svg`), renderPlot({ ...plot, source }));
  }

  async #save(): Promise<void> {
    const { json, machine, memoryMiB, runs } = this.#options;
    if (json === undefined) return;
    const report = { date: this.#date, machine, memoryMiB, runs, results: this.#results };
    await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  }
}
