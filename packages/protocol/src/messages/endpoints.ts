import { SUBJECTS } from '../subjects.js';
import { coordinatorMessages } from './coordinator.js';
import type { Definition, Endpoint } from './definition.js';
import { storageInstanceMessages, storageMessages } from './storage.js';
import { workerMessages } from './worker.js';

export type Endpoints<Messages extends Readonly<Record<string, Definition>>> = {
  readonly [Verb in keyof Messages]: Endpoint<Messages[Verb]>;
};

interface Place {
  readonly role: string;
  readonly subject: string;
  readonly responder: string;
}

const endpointsOf = <Messages extends Readonly<Record<string, Definition>>>(
  messages: Messages,
  { role, subject, responder }: Place,
): Endpoints<Messages> =>
  Object.fromEntries(
    Object.entries(messages).map(([verb, definition]) => [
      verb,
      { name: `${role}.${verb}`, definition, subject: `${subject}.${verb}`, responder },
    ]),
  ) as Endpoints<Messages>;

/** What clients ask: `request(connection, coordinator.spawn, { spec })`. */
export const coordinator = endpointsOf(coordinatorMessages, {
  role: 'coordinator',
  subject: SUBJECTS.coordinator,
  responder: 'the coordinator',
});

/** What is asked of one worker: `request(connection, worker('w1').prepare, ...)`. @throws EINVAL no such id can be */
export const worker = (id: string): Endpoints<typeof workerMessages> =>
  endpointsOf(workerMessages, { role: 'worker', subject: SUBJECTS.worker(id), responder: `worker ${id}` });

/** What any storage service answers. */
export const storage = endpointsOf(storageMessages, {
  role: 'storage',
  subject: SUBJECTS.storage,
  responder: 'the storage service',
});

/** What is asked of one storage service: the rest of an upload that it began. */
export const storageAt = (instance: string): Endpoints<typeof storageInstanceMessages> =>
  endpointsOf(storageInstanceMessages, {
    role: 'storage.at',
    subject: SUBJECTS.storageAt(instance),
    responder: `storage service ${instance}`,
  });
