import { mergeSeconds, simulateCoordinators, type TreesOfCluster } from '../model/coordinator.js';
import { count, percent, seconds } from './quantities.js';
import { cellRandom, type Given, type NamedTable, type Table } from './table.js';

const TREE_TASKS = [1_000, 10_000, 100_000];
const DUMP = 30;

type Variant = Pick<TreesOfCluster, 'coordinators' | 'merge' | 'polled'>;

const VARIANTS: readonly (readonly [name: string, variant: Variant])[] = [
  ['as designed', { coordinators: 1, merge: 'event loop', polled: true }],
  ['no polls', { coordinators: 1, merge: 'event loop', polled: false }],
  ['merge in threads', { coordinators: 1, merge: 'threads', polled: false }],
  ['4 coordinators', { coordinators: 4, merge: 'event loop', polled: false }],
  ['4, merge in threads', { coordinators: 4, merge: 'threads', polled: false }],
];

function compute(given: Given): Table {
  const { costs, assumed } = given;
  const rows = TREE_TASKS.flatMap((tasksPerTree) =>
    VARIANTS.map(([name, variant]) => {
      const trees = assumed.tasks / tasksPerTree;
      const cluster: TreesOfCluster = {
        ...variant,
        trees,
        tasksPerTree,
        workersPerTree: Math.max(1, Math.ceil((assumed.workers / trees) * 2)),
        interval: assumed.interval,
        dump: DUMP,
        time: assumed.interval,
      };
      const figures = simulateCoordinators(
        cluster,
        costs,
        assumed,
        cellRandom(given, 'coordinator', name, tasksPerTree),
      );
      return [
        count(tasksPerTree),
        count(trees),
        name,
        percent(figures.busy),
        seconds(figures.waitMedian),
        seconds(figures.waitWorst),
        seconds(figures.longestBlock),
      ];
    }),
  );
  return {
    title: `${count(assumed.tasks)} tasks in trees, each checkpointed every ${seconds(assumed.interval)}: what the coordinator does`,
    columns: [
      'tasks of a tree',
      'trees',
      { words: 'coordinator' },
      'event loop busy',
      'answers wait, median',
      '99 %',
      'longest block',
    ],
    rows,
    notes: [
      `Merging costs ${seconds(mergeSeconds(costs))} a task. A tree has twice the workers that its tasks would fill; a dump takes ${seconds(DUMP)}.`,
      'answers wait: until the coordinator comes round to them; the tree stands still meanwhile.',
      'A leader that does one thing for 2.5 s has lost its lease, and its cuts with it.',
    ],
  };
}

export const coordinatorTable: NamedTable = {
  name: 'coordinator',
  summary: 'load of the coordinator by many trees; merging in threads, several coordinators',
  compute,
};
