import { errorToData } from '@ckptree/errors';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { openChunk } from '../chunk.js';
import { digestRanges, sealRanges } from './chunk-engine.js';
import type { EngineAnswer, EngineRequest } from './engine-messages.js';

/** What a thread of the pool does with a request. Never throws. */
export function answer(request: EngineRequest): unknown {
  try {
    const { settings } = request;
    switch (request.kind) {
      case 'warm-up':
        return success([]);
      case 'digest':
        return success([digestRanges(settings, request.bytes, request.ranges)]);
      case 'seal':
        return moved(sealRanges(settings, request.bytes, request.ranges, request.ids));
      case 'open':
        return success([openChunk(settings, request.id, request.record)]);
    }
  } catch (error) {
    return { ok: false, error: errorToData(error) } satisfies EngineAnswer;
  }
}

const success = (parts: readonly Uint8Array[]): EngineAnswer => ({ ok: true, parts });

/** Records lie in one buffer, which goes over to the other thread without a copy. */
function moved(records: readonly Uint8Array<ArrayBuffer>[]): unknown {
  const [first] = records;
  if (first === undefined) return success([]);
  return move({
    get [transferableSymbol]() {
      return [first.buffer];
    },
    get [valueSymbol]() {
      return success(records);
    },
  } as never);
}
