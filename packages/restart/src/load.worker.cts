/**
 * What piscina loads: it requires its handlers, and a thread that is ended while Node requires an ES module in it
 * aborts the whole process (v8::Module::IsGraphAsync, Node 20). One that imports it just ends.
 */
const load = import('./load.worker.js').then((worker) => worker.load);

module.exports = { load };
