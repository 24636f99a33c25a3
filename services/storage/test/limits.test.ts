import { describe, expect, test } from '@jest/globals';
import { ByteBudget } from '../dist/byte-budget.js';
import { Gate } from '../dist/gate.js';
import { Outbox } from '../dist/outbox.js';

/** Work that ends when it is told to. */
function pending(): { readonly work: () => Promise<void>; readonly end: () => void } {
  let end = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { work: () => done, end };
}

describe('a budget of bytes', () => {
  test('refuses what does not fit, and has room again when what was held is done', async () => {
    const budget = new ByteBudget(100);
    const first = pending();
    const holding = budget.hold(60, first.work);
    await expect(budget.hold(41, async () => undefined)).rejects.toMatchObject({ code: 'EBUSY' });
    expect(await budget.hold(40, async () => budget.used)).toBe(100);
    first.end();
    await holding;
    await expect(budget.hold(10, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(budget.used).toBe(0);
  });
});

describe('a gate', () => {
  test('lets so many in, keeps so many waiting in order, and refuses the rest', async () => {
    const gate = new Gate('guests', 1, 2);
    const first = pending();
    const order: number[] = [];
    const running = [
      gate.run(first.work),
      gate.run(async () => void order.push(1)),
      gate.run(async () => void order.push(2)),
    ];
    await expect(gate.run(async () => undefined)).rejects.toMatchObject({ code: 'EBUSY' });
    expect(order).toEqual([]);
    first.end();
    await Promise.all(running);
    expect(order).toEqual([1, 2]);
    await gate.run(async () => void order.push(3));
    expect(order).toEqual([1, 2, 3]);
  });
});

describe('an outbox', () => {
  test('holds up who makes more than has left', async () => {
    const flushes: (() => void)[] = [];
    const outbox = new Outbox(10, () => new Promise<void>((resolve) => flushes.push(resolve)));
    await outbox.take(6);
    await outbox.take(6);
    let third = false;
    const taking = outbox.take(6).then(() => {
      third = true;
    });
    const fourth = outbox.take(6);
    await Promise.resolve();
    expect([flushes.length, third]).toEqual([1, false]);
    flushes.shift()!();
    await Promise.all([taking, fourth]);
    expect([flushes.length, third]).toEqual([0, true]);
  });
});
