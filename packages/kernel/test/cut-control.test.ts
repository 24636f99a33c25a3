import { expect, test } from '@jest/globals';
import { CutControl, type CutRequest } from '../dist/cut/cut-control.js';

const CPUS = 3;

/** A cut of two of three cpus; each thread has an object of its own over the same words. */
function begun(over: Partial<CutRequest> = {}) {
  const control = CutControl.create(CPUS, 10);
  const request = {
    id: 1,
    members: [4, 5],
    cpus: new Set([0, 2]),
    version: 7,
    standing: false,
    thaws: false,
  };
  control.beginLocked({ ...request, ...over });
  const again = (next: Partial<CutRequest>) => control.beginLocked({ ...request, ...over, ...next });
  return { control, cpu: new CutControl(control.handle), again };
}

test('the last cpu that comes to stand still has all of them take their snapshots; the last of those concludes', () => {
  const { control, cpu } = begun({ thaws: true });
  expect(cpu.standLocked(2, 7)).toBe(false);
  expect(cpu.partLocked(2)).toBeUndefined();
  expect(cpu.standLocked(0, 7)).toBe(true);
  expect(cpu.others(0)).toEqual([2]);
  for (const index of [0, 2]) {
    const { id, members, thaws } = cpu.partLocked(index)!;
    expect({ id, members: [...members], thaws }).toEqual({ id: 1, members: [4, 5], thaws: true });
    expect(cpu.snapshotTakenLocked(index, id, 3)).toBe(index === 2);
    expect(cpu.partLocked(index)).toBeUndefined();
  }
  cpu.kept();
  expect(control.wait(0)).toBeUndefined();
  cpu.concluded();
  expect(control.wait(0)).toBe('taken');
  expect(control.mms).toBe(6);
  const { frozenUs, takenUs, thawedUs } = control.times;
  expect(frozenUs).toBeGreaterThan(0);
  expect(takenUs).toBeGreaterThanOrEqual(frozenUs);
  expect(thawedUs).toBeGreaterThanOrEqual(takenUs);
});

test('a cpu that is rung twice, or was not asked, is not counted', () => {
  const { cpu } = begun();
  expect(cpu.standLocked(1, 7)).toBe(false);
  expect(cpu.standLocked(2, 7)).toBe(false);
  expect(cpu.standLocked(2, 7)).toBe(false);
  expect(cpu.standLocked(0, 7)).toBe(true);
});

test('a tree that is not what it was is told of, and taken when the roll was called again', () => {
  const { control, cpu, again } = begun();
  cpu.standLocked(0, 7);
  expect(cpu.standLocked(2, 8)).toBe(false);
  expect(control.wait(0)).toBe('changed');
  expect(cpu.partLocked(0)).toBeUndefined();
  again({ members: [4], cpus: new Set([1]), version: 8, standing: true });
  expect(cpu.standLocked(1, 8)).toBe(false);
  expect([...cpu.partLocked(1)!.members]).toEqual([4]);
  expect(cpu.snapshotTakenLocked(1, 1, 1)).toBe(true);
});

test('a cpu that comes late takes no part in what was given up, nor in the next cut', () => {
  const { control, cpu, again } = begun();
  cpu.standLocked(0, 7);
  expect(control.cancelLocked()).toBe(true);
  expect(cpu.standLocked(2, 7)).toBe(false);
  again({ id: 2 });
  expect(cpu.standLocked(0, 7)).toBe(false);
  expect(cpu.standLocked(2, 7)).toBe(true);
  const { id } = cpu.partLocked(0)!;
  expect(control.cancelLocked()).toBe(true);
  again({ id: 3, standing: true });
  expect(cpu.snapshotTakenLocked(0, id, 1)).toBe(false);
  expect(cpu.snapshotTakenLocked(0, 3, 1)).toBe(false);
  expect(cpu.snapshotTakenLocked(2, 3, 1)).toBe(true);
});

test('what is about to be concluded cannot be given up any more', () => {
  const { control, cpu } = begun({ cpus: new Set([0]), standing: true });
  cpu.snapshotTakenLocked(0, 1, 0);
  expect(control.cancelLocked()).toBe(false);
  cpu.concluded();
  expect(control.wait(0)).toBe('taken');
});
