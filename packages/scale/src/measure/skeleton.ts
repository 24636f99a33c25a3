import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TaskTree } from '@ckptree/model';
import { cpuSeconds } from './cpu-seconds.js';
import type { Measured } from './measured.js';

/**
 * What a worker tells of its tasks so that the coordinator can plan: who, which shared objects, which files; no registers
 * and no pages. A stand-in for the protocol's own document, of much the same size.
 */
function skeletonOf({ tasks }: TaskTree): unknown {
  const keys = new Map<object, string>();
  const key = (object: object, kind: string) => {
    const known = keys.get(object) ?? `w-0123456789ab:${kind}${keys.size}`;
    keys.set(object, known);
    return known;
  };
  return tasks.map(({ pid, ppid, tgid, pgid, sid, comm, state, exitState, mm, files }) => ({
    ids: [pid, ppid, tgid, pgid, sid],
    comm,
    state,
    exitState,
    mm: mm && {
      key: key(mm, 'm'),
      vmas: mm.vmas.length,
      exe: mm.exe && key(mm.exe, 'f'),
      files: mm.vmas.flatMap(({ file }) =>
        file === undefined ? [] : [{ key: key(file, 'f'), path: file.path }],
      ),
    },
    files: files && {
      key: key(files, 'd'),
      descriptors: files.descriptors.map(({ fd, file }) => [fd, key(file, 'f')]),
    },
  }));
}

const ROUNDS = 5;

export function measureSkeleton(tree: TaskTree): Measured {
  const skeleton = skeletonOf(tree);
  const json = JSON.stringify(skeleton);
  const tasks = tree.tasks.length;
  const time = (action: () => unknown) => {
    const start = process.cpuUsage();
    for (let round = 0; round < ROUNDS; round++) action();
    return cpuSeconds(start) / ROUNDS / tasks;
  };
  return {
    skeletonBytes: json.length / tasks,
    skeletonWrite: time(() => JSON.stringify(skeleton)),
    skeletonParse: time(() => JSON.parse(json)),
    skeletonHeap: heapOf(json) / tasks,
  };
}

/** Heap that the parsed document takes, garbage left out. */
function heapOf(json: string): number {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const copies = Array.from({ length: ROUNDS }, () => JSON.parse(json));
  collectGarbage();
  return (process.memoryUsage().heapUsed - before) / copies.length;
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}
