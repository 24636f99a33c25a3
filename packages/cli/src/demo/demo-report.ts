import { type Static, Type } from 'typebox';
import { CheckpointReport } from '../tree/checkpoint-report.js';

const pids = (description: string) => Type.Array(Type.Integer(), { description });

/** What the demo has shown. */
export const DemoReport = Type.Object(
  {
    proved: Type.Boolean({
      description: 'Every task of the image ended as it does in the undisturbed tree.',
    }),
    tasks: Type.Integer({ description: 'Tasks of the undisturbed tree.' }),
    undisturbedMs: Type.Number({ description: 'How long the undisturbed tree ran.' }),
    checkpoint: CheckpointReport,
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
