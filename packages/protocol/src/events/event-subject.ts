import { SUBJECTS } from '../subjects.js';
import { type ClusterEvent, checkpointEvents, type EventType, treeEvents } from './event.js';

/** What consumers may narrow events down to, on the server; each field further. */
export interface EventSubjectFilter {
  readonly checkpoint?: string;
  readonly tree?: string;
  readonly worker?: string;
  readonly type?: EventType;
}

/** `event.checkpoint.<id>.completed`, `event.tree.<id>.spawned`, `event.worker.<id>.joined`. */
export function eventSubject(event: ClusterEvent): string {
  return `${SUBJECTS.events}.${scopeOf(event.type)}.${subjectIdOf(event)}.${lastToken(event.type)}`;
}

/** Subjects of all events that the filter lets pass, as NATS has wildcards. */
export function eventFilterSubject({ checkpoint, tree, worker, type }: EventSubjectFilter): string {
  const last = type === undefined ? '*' : lastToken(type);
  if (checkpoint !== undefined) return `${SUBJECTS.events}.checkpoint.${checkpoint}.${last}`;
  if (tree !== undefined) return `${SUBJECTS.events}.tree.${tree}.${last}`;
  if (worker !== undefined) return `${SUBJECTS.events}.worker.${worker}.${last}`;
  return type === undefined ? `${SUBJECTS.events}.>` : `${SUBJECTS.events}.${scopeOf(type)}.*.${last}`;
}

const scopeOf = (type: EventType): 'checkpoint' | 'tree' | 'worker' => {
  if (type in checkpointEvents) return 'checkpoint';
  return type in treeEvents ? 'tree' : 'worker';
};

const lastToken = (type: EventType): string => type.slice(type.lastIndexOf('.') + 1);

function subjectIdOf(event: ClusterEvent): string {
  switch (scopeOf(event.type)) {
    case 'checkpoint':
      return 'checkpoint' in event ? event.checkpoint : '';
    case 'tree':
      return 'tree' in event ? (event.tree ?? '') : '';
    case 'worker':
      return 'worker' in event ? event.worker : '';
  }
}
