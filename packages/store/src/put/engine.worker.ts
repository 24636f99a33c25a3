import { workerData } from 'node:worker_threads';
import { errorToData } from '@ckptree/errors';
import { openChunk } from '../chunk.js';
import { giveWay } from '../give-way.js';
import { StretchReader } from '../stretch-reader.js';
import { openAllInto, recordContents, sealContents } from './chunk-engine.js';
import type { EngineAnswer, EngineRequest, EngineResult, EngineThreadData } from './engine-messages.js';
import { scanSlab } from './scan-slab.js';
import { contentsIn } from './shared-contents.js';

if ((workerData as EngineThreadData).givesWay) giveWay();

const NOTHING = new Uint8Array(0);
/** Of this thread. */
const reader = new StretchReader();

/** What a thread of the pool does with a request. Never throws. */
export function answer(request: EngineRequest): EngineAnswer {
  try {
    return { ok: true, result: work(request) };
  } catch (error) {
    return { ok: false, error: errorToData(error) };
  }
}

function work(request: EngineRequest): EngineResult {
  const { settings } = request;
  switch (request.kind) {
    case 'scan':
      return scanSlab(settings, request.pages);
    case 'seal':
      return sealContents(settings, contentsIn(request.contents), request.ids, request.target);
    case 'record':
      return recordContents(settings, contentsIn(request.contents), request.target);
    case 'open':
      return openChunk(settings, request.id, request.record, request.target);
    case 'open all':
      return openAllInto(settings, reader, request.source, request.records);
    case 'start':
      return NOTHING;
  }
}
