import type { Curve } from '../scenario.js';
import type { Figures } from '../statistics.js';
import type { TinyTasks } from '../tasks/tiny-tasks.js';
import { pointOf } from './points.js';

export function saveByTasks(measured: readonly TinyTasks[]): Curve {
  const series = (label: string, of: (one: TinyTasks) => Figures) => ({
    label,
    points: measured.map((one) => pointOf(one.tasks, of(one))),
  });
  const [first] = measured;
  const perTask = first === undefined ? 0 : first.whole.median / first.tasks;
  return {
    name: 'save-by-tasks',
    plot: {
      title: 'A checkpoint of many tiny tasks costs as much for each as one of few',
      subtitle: 'A tree of running tasks with a page each, saved to an empty store; median and range',
      x: {
        ...{ label: 'tasks in the tree', scale: 'log' },
        ticks: measured.map(({ tasks }) => tasks),
      },
      y: { label: 'time', scale: 'log', unit: 'seconds' },
      series: [
        series('spawn', ({ spawn }) => spawn),
        series('request to durable', ({ whole }) => whole),
        series('collect, plan', ({ plan }) => plan),
        series('downtime', ({ downtime }) => downtime),
        {
          ...{ label: 'linear', role: 'reference' },
          points: measured.map(({ tasks }) => ({ x: tasks, y: tasks * perTask })),
        },
      ],
    },
  };
}
