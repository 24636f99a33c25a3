import { errorToData } from '@ckptree/errors';
import { giveWay } from '@ckptree/store/give-way';
import { CancelFlag } from './cancel.js';
import type { DumpAnswer, DumpRequest } from './dump-messages.js';
import { dumpPart } from './dump-part.js';

giveWay();

/** What a thread of the pool does with a request. Never throws: an error would lose its code on the way back. */
export function answer(request: DumpRequest): DumpAnswer {
  if (request.kind === 'warm-up') return { ok: true, bytes: 0 };
  try {
    const flag = new CancelFlag(request.cancel);
    dumpPart(request.part, request.fd, { beforeWrite: () => flag.check() });
    return { ok: true, bytes: request.part.size };
  } catch (error) {
    return { ok: false, error: errorToData(error) };
  }
}
