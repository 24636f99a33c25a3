import { dumpSequential, type Plan } from '@ckptree/checkpoint';
import { asCkptError, CkptError } from '@ckptree/errors';
import { type ByteSink, PAGE_SIZE } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { failureText } from '../dist/failure-record.js';
import { AddressSpace, PhysicalMemory } from './support/memory.js';
import { MemorySink, planned } from './support/planned.js';
import { recordsOf, textOf } from './support/records.js';
import { mm, task, tree, vma } from './support/trees.js';

/** A plan of one mm with a dirty page in each of two vmas. */
function smallPlan(): { plan: Plan; space: AddressSpace } {
  const space = new AddressSpace(new PhysicalMemory(8));
  space.setPage(0x1000, { content: Uint8Array.of(1) });
  space.setPage(0x8000, { content: Uint8Array.of(2) });
  const memory = space.snapshot();
  return { plan: planned(tree(task(1, { mm: mm([vma(0x1000, 2), vma(0x8000, 2)], { memory }) }))), space };
}

describe('the error record', () => {
  test('ends an image whose dump failed, and says what, where, and in which task', async () => {
    const { plan, space } = smallPlan();
    space.setPage(0x9000);
    const sink = new MemorySink();
    const failure = await dumpSequential(plan, sink).catch(asCkptError);
    expect(failure).toMatchObject({
      code: 'EBUSY',
      message: expect.stringContaining('the snapshot changed'),
    });

    const [error, text] = recordsOf(sink.bytes()).slice(-2);
    expect([error?.name, error?.body.byteLength]).toEqual(['ERROR', 0]);
    expect(text?.name).toBe('STRING');
    expect(text?.body.getUint8(0)).toBe(0);
    expect(text?.body.getUint8(text.body.byteLength - 1)).toBe(0);
    expect(textOf(text!).slice(1)).toBe(
      `[err -16][pos ${error?.position}][E @ dump:dumpSequential] ${(failure as CkptError).message}`,
    );
  });

  test('names task and object as the seed does', () => {
    const failure = new CkptError('ENOSYS', 'bad flags', { pid: 12, comm: 'init', object: 'MM', objref: 3 });
    expect(failureText(failure, 1234)).toBe(
      '[err -38][pos 1234][E @ dump:dumpSequential][pid 12 tsk init][obj 3][str MM] bad flags',
    );
  });

  test('is left out where it could not be read: when the sink fails', async () => {
    const { plan } = smallPlan();
    const full = new CkptError('ENOSPC', 'full');
    let writes = 0;
    const sink: ByteSink = {
      write: () => {
        if (++writes > 3) throw full;
      },
    };
    await expect(dumpSequential(plan, sink)).rejects.toBe(full);
    expect(writes).toBe(4);
  });
});

describe('the sequential dump', () => {
  test('stops between two batches when it is cancelled', async () => {
    const { plan } = smallPlan();
    const controller = new AbortController();
    const sink = new MemorySink();
    const cancelling: ByteSink = {
      write: (bytes) => {
        sink.write(bytes);
        if (bytes.length === PAGE_SIZE) controller.abort();
      },
    };
    await expect(dumpSequential(plan, cancelling, controller.signal)).rejects.toMatchObject({
      code: 'EINTR',
    });
    const names = recordsOf(sink.bytes()).map(({ name }) => name);
    expect(names.slice(-4)).toEqual(['PGARR', 'BUFFER', 'ERROR', 'STRING']);
  });

  test('writes each page as it is in its frame', async () => {
    const { plan } = smallPlan();
    const sink = new MemorySink();
    await dumpSequential(plan, sink);
    const pages = recordsOf(sink.bytes()).flatMap(({ name, body }, index, all) =>
      name === 'BUFFER' && all[index - 1]?.name === 'PGARR' ? [body.getUint8(8)] : [],
    );
    expect(pages).toEqual([1, 2]);
  });
});
