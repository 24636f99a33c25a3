// A thread that dies in the middle of a dump: it does what it should, except for the part that begins at byte 0.
// CommonJS that imports, as dump.worker.cts says: a pool that is closed while a thread requires a module aborts Node.
const handler = import('../../dist/dump.worker.js').then((worker) => (request) => {
  if (request.kind === 'dump' && request.part.position === 0) process.exit(1);
  return worker.answer(request);
});

module.exports = { answer: handler };
