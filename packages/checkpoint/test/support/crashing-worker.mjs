// A thread that dies in the middle of a dump: it does what it should, except for the part that begins at byte 0.
import { answer as answerRequest } from '../../dist/dump.worker.js';

export function answer(request) {
  if (request.kind === 'dump' && request.part.position === 0) process.exit(1);
  return answerRequest(request);
}
