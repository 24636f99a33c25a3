import { PAGE_SIZE } from '@ckptree/model';
import { Type } from '@ckptree/schema';
import { assign, conclude, machine } from './machine.js';
import { holds, mapMemory } from './memory.js';
import { CountParam, PidParam, SeedParam } from './param-types.js';
import { fold, mix32, randomPage } from './random.js';

const PAGES_PER_TICK = 2;
const MAX_DEPTH = 16;
const MAX_NODES = 100_000;

const nodesOf = (depth: number, fanout: number): number =>
  fanout === 1 ? depth + 1 : (fanout ** (depth + 1) - 1) / (fanout - 1);

/** Nodes are numbered as in a heap: the root is 0, the children of `n` follow from `n * fanout + 1`. */
const childOf = (node: number, fanout: number, child: number) => node * fanout + 1 + child;
const parentOf = (node: number, fanout: number) => Math.floor((node - 1) / fanout);

function ancestorAt(level: number, node: number, nodeLevel: number, fanout: number): number {
  let ancestor = node;
  for (let at = Math.min(nodeLevel, MAX_DEPTH); at > level; at--) ancestor = parentOf(ancestor, fanout);
  return ancestor;
}

/** What a node paints on a page: before it forks (layer 0), and over that afterwards (layer 1). */
const painting = (seed: number, node: number, layer: number, page: number) =>
  randomPage(mix32(mix32(seed ^ page) + node * 2 + layer));

/**
 * A tree of processes over memory that they share until they write. Page `p` belongs to level `p % (depth + 1)` of
 * the tree: a node paints the pages of its level, forks, and paints them over, so its children must still see what
 * was there when they were forked. Pages of the levels below are as the root left them.
 */
export const forktree = machine({
  name: 'forktree',
  summary: 'Forks a tree of given depth and fan-out whose nodes share memory and then diverge.',
  waits: true,
  params: Type.Object(
    {
      depth: CountParam(3, 0, MAX_DEPTH, 'Levels below the root.'),
      fanout: CountParam(2, 1, 1000, 'Children of each node that is not a leaf.'),
      pages: CountParam(64, 1, 65_536, 'Pages of memory of each node.'),
      work: CountParam(100, 0, 1_000_000_000, 'Ticks that each node works before it waits for its children.'),
      pidBase: PidParam(
        'Node n of the tree, numbered as in a heap, has pid pidBase + n; own pid when absent.',
      ),
      seed: SeedParam(),
    },
    { additionalProperties: false },
  ),
  // biome-ignore format: what is given, what changes
  variables: [
    'memory', 'pages', 'depth', 'fanout', 'work', 'pidBase', 'seed',
    'node', 'level', 'layer', 'child', 'cursor', 'sum', 'failed',
  ],

  check({ depth, fanout }) {
    const nodes = nodesOf(depth, fanout);
    return nodes > MAX_NODES ? `a tree of ${nodes} nodes is too large; at most ${MAX_NODES}` : undefined;
  },

  start(sys, { pages, pidBase, seed, depth, fanout, work }, frame) {
    frame.memory = mapMemory(sys, pages * PAGE_SIZE);
    assign(frame, { pages, depth, fanout, work, pidBase: pidBase ?? sys.pid, seed: seed ?? sys.pid });
  },

  states: {
    paint(sys, frame) {
      const { memory, pages, depth, seed, node, level, layer } = frame;
      // Only the root, before it forks, paints every page.
      const all = node === 0 && layer === 0;
      const step = all ? 1 : depth + 1;
      let page = Math.max(frame.cursor, all ? 0 : level);
      for (let n = 0; n < PAGES_PER_TICK && page < pages; n++, page += step)
        sys.mem.write(memory + page * PAGE_SIZE, painting(seed, node, layer, page));
      frame.cursor = page;
      if (page < pages) return 'ran';
      frame.cursor = 0;
      frame.state = layer === 0 && level < depth ? 'fork' : 'work';
      return 'ran';
    },

    fork(sys, frame) {
      const { pidBase, node, fanout, child } = frame;
      frame.state = 'forked';
      sys.clone({ pid: pidBase + childOf(node, fanout, child) });
      return 'ran';
    },

    forked(_, frame) {
      if (frame.ax === 0) {
        frame.node = childOf(frame.node, frame.fanout, frame.child);
        frame.level += 1;
        frame.child = 0;
        frame.state = 'paint';
        return 'ran';
      }
      frame.child += 1;
      frame.state = 'fork';
      if (frame.child < frame.fanout) return 'ran';
      frame.layer = 1;
      frame.state = 'paint';
      return 'ran';
    },

    work(sys, frame) {
      if (frame.cursor < frame.work) {
        const page = frame.cursor % frame.pages;
        frame.sum = fold(frame.sum, sys.mem.u32(frame.memory + page * PAGE_SIZE));
        frame.cursor += 1;
        return 'ran';
      }
      frame.cursor = 0;
      frame.state = 'reap';
      return 'ran';
    },

    // The children were counted up when they were forked; they are waited for in the same order.
    reap(sys, frame) {
      const { pidBase, node, fanout, cursor } = frame;
      if (cursor < frame.child) {
        const ended = sys.wait(pidBase + childOf(node, fanout, cursor));
        if (ended === undefined) return 'blocked';
        frame.sum = fold(frame.sum, ended.status);
        if (ended.status !== 0) frame.failed = 1;
        frame.cursor += 1;
        return 'ran';
      }
      frame.cursor = 0;
      frame.state = 'check';
      return 'ran';
    },

    check(sys, frame) {
      const { memory, pages, depth, fanout, seed, node, level, layer } = frame;
      const end = Math.min(frame.cursor + PAGES_PER_TICK, pages);
      for (let page = frame.cursor; page < end; page++) {
        const owner = page % (depth + 1);
        const painter = owner > level ? 0 : ancestorAt(owner, node, level, fanout);
        const expected = painting(seed, painter, painter === node && owner === level ? layer : 0, page);
        if (!holds(sys, memory + page * PAGE_SIZE, expected)) return conclude(sys, false);
      }
      frame.cursor = end;
      if (end < pages) return 'ran';
      frame.ax = frame.sum;
      return conclude(sys, frame.failed === 0);
    },
  },
});
