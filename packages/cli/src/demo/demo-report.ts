import { type Static, Type } from '@ckptree/schema';

const pids = (description: string) => Type.Array(Type.Integer(), { description });
const Count = (description: string) => Type.Integer({ minimum: 0, description });

/** The checkpoint that the demo took of the running tree. */
export const DemoCheckpoint = Type.Object(
  {
    id: Type.String({ description: 'Of the checkpoint.' }),
    tasks: Count('Tasks in it.'),
    mms: Count('Address spaces.'),
    bytes: Count('Size of the image.'),
    storedBytes: Count('What it takes in the store.'),
    downtimeUs: Type.Number({ description: 'How long the tasks stood still, the longest of all workers.' }),
    totalMs: Type.Number({ description: 'From the request to the durable manifest.' }),
  },
  { additionalProperties: false },
);
export type DemoCheckpoint = Static<typeof DemoCheckpoint>;

/** What the demo has shown. */
export const DemoReport = Type.Object(
  {
    proved: Type.Boolean({
      description: 'Every task of the checkpoint ended as it does in the undisturbed tree.',
    }),
    tasks: Count('Tasks of the undisturbed tree.'),
    undisturbedMs: Type.Number({ description: 'How long the undisturbed tree ran.' }),
    workers: Type.Array(Type.String(), { description: 'Workers that the tree was spread over.' }),
    checkpoint: DemoCheckpoint,
    killed: Type.Object(
      {
        worker: Type.String({ description: 'The worker that was killed with SIGKILL.' }),
        tasks: Count('Tasks that were lost with it.'),
      },
      { additionalProperties: false },
    ),
    restartedOn: Type.Array(Type.String(), { description: 'Workers that the tree was restarted on.' }),
    restartedMs: Type.Number({
      description: 'How long the restarted tree ran, with the time to read it in.',
    }),
    equal: pids('Tasks that ended with the same exit code and digest.'),
    different: pids('Tasks that did not.'),
    earlier: pids('Tasks that had ended, and were forgotten, before the checkpoint.'),
  },
  { additionalProperties: false },
);
export type DemoReport = Static<typeof DemoReport>;
