#!/usr/bin/env node
// Holds the layering of docs/architecture.md: imports only ever go down this list.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';

/** From the top down; a layer may import those below it and none at its own height or above. */
export const layers = [
  [
    ...['services/coordinator', 'services/worker', 'services/storage'],
    ...['packages/bench', 'packages/drill', 'packages/scale'],
  ],
  ['packages/cli'],
  ['packages/client'],
  ['packages/local-cluster'],
  ['packages/carrier'],
  ['packages/service'],
  ['packages/protocol'],
  ['packages/nats-server'],
  ['packages/restart'],
  ['packages/checkpoint'],
  ['packages/store'],
  ['packages/elfcore'],
  ['packages/kernel'],
  ['packages/objhash'],
  ['packages/image'],
  ['packages/model', 'packages/plot', 'packages/schema'],
  ['packages/errors'],
];

const pattern = (folders) => `^(${folders.join('|')})/`;

const layerRules = layers.flatMap((folders, height) =>
  folders.map((folder) => ({
    name: `only-downwards-from-${folder.split('/')[1]}`,
    severity: 'error',
    from: { path: pattern([folder]) },
    to: {
      path: pattern(
        layers
          .slice(0, height + 1)
          .flat()
          .filter((other) => other !== folder),
      ),
    },
  })),
);

const rules = {
  forbidden: [
    ...layerRules.filter(({ to }) => to.path !== '^()/'),
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'image-is-pure',
      comment: 'bytes in, values out: the format does no input or output',
      severity: 'error',
      from: { path: '^packages/image/src/' },
      to: { path: '^(node:)?(fs|net|http|child_process|worker_threads|os)(/|$)' },
    },
    {
      name: 'one-module-knows-nats',
      comment:
        'the NATS client is used through the connection of packages/protocol alone; scale and bench measure what it costs by itself',
      severity: 'error',
      from: {
        path: '^(packages|services)/[^/]+/src/',
        pathNot: '^packages/(protocol/src/connection/nats\\.ts$|(scale/src/measure|bench/src/cluster)/)',
      },
      to: { path: '^nats$|(^|/)node_modules/nats/' },
    },
    {
      name: 'one-module-knows-prometheus',
      comment: 'what it names is loaded as one file',
      severity: 'error',
      from: {
        path: '^(packages|services)/[^/]+/src/',
        pathNot: '^packages/service/src/metrics/prometheus\\.ts$',
      },
      to: { path: '(^|/)prom-client(/|$)' },
    },
    {
      name: 'one-package-knows-schemas',
      comment: 'typebox and ajv are loaded from the files that packages/schema makes of them',
      severity: 'error',
      from: { path: '^(packages|services)/[^/]+/src/', pathNot: '^packages/schema/' },
      to: { path: '(^|/)(typebox|ajv)(/|$)' },
    },
    {
      name: 'checkpoint-knows-no-kernel',
      comment: 'a source of tasks is seen only through packages/model',
      severity: 'error',
      from: { path: '^packages/checkpoint/src/' },
      to: { path: '^packages/(kernel|elfcore)/' },
    },
  ],
};

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const options = {
  ruleSet: rules,
  validate: true,
  includeOnly:
    '^(packages|services)/[^/]+/(src|dist)/|^(node:)?[a-z_]+$|(^|/)node_modules/(nats|prom-client|typebox|ajv)/',
  doNotFollow: { path: 'node_modules' },
  parser: 'swc',
};
const resolve = { exportsFields: ['exports'], conditionNames: ['import'], extensions: ['.js', '.ts'] };
const { output } = await cruise(['packages', 'services'], options, resolve);

const { violations, totalCruised } = output.summary;
for (const { rule, from, to } of violations) process.stderr.write(`${rule.name}: ${from} -> ${to}\n`);
const sources = output.modules.filter(({ source }) => /\/src\/.*\.ts$/.test(source)).length;
// A parser that cannot read TypeScript sees nothing and finds nothing wrong.
if (sources < 10) {
  process.stderr.write(
    `layers: only ${sources} of ${totalCruised} modules are sources; the check is blind\n`,
  );
  process.exit(1);
}
process.stdout.write(`${sources} source modules, ${violations.length} violations\n`);
process.exitCode = violations.length === 0 ? 0 : 1;
