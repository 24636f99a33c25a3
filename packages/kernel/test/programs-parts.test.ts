import type { Sys, Tick } from '@ckptree/kernel';
import { PROGRAMS, prepareParams, Registers } from '@ckptree/kernel';
import { Type } from '@ckptree/schema';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assign, machine } from '../dist/programs/machine.js';
import { draw, drawWords, fold, mix32, randomPage } from '../dist/programs/random.js';

const NoParams = Type.Object({}, { additionalProperties: false });

/** All that a machine itself needs of a task. */
const taskWith = (regs: Registers) => ({ pid: 7, regs }) as Sys;

describe('a machine', () => {
  const counter = machine({
    name: 'counter',
    summary: 'Counts.',
    params: Type.Object({ from: Type.Integer() }),
    variables: ['count', 'seen'],
    start: (_, { from }, frame) => assign(frame, { count: from }),
    states: {
      up(_, frame) {
        frame.count += 1;
        frame.state = 'down';
        return 'ran';
      },
      down(_, frame) {
        frame.count -= 2;
        frame.seen = frame.ax;
        frame.state = 'up';
        return 'blocked';
      },
    },
  });

  test('keeps its variables and its state in registers alone', () => {
    const regs = new Registers();
    counter.start(taskWith(regs), { from: 10 });
    expect(counter.step(taskWith(regs))).toBe('ran');
    expect({ bx: regs.get('bx'), ip: regs.get('ip') }).toEqual({ bx: 11, ip: 1 });
    regs.set('ax', 5);
    const copy = new Registers(regs.bytes);
    expect(counter.step(taskWith(copy))).toBe('blocked');
    expect({ bx: copy.get('bx'), cx: copy.get('cx'), ip: copy.get('ip') }).toEqual({ bx: 9, cx: 5, ip: 0 });
    expect(regs.get('bx')).toBe(11);
  });

  test('that registers from elsewhere put into no state of its own fails', () => {
    const regs = new Registers();
    regs.set('ip', 0x40_1000);
    expect(() => counter.step(taskWith(regs))).toThrow('program counter has no state 4198400');
  });

  test('cannot have more variables than there are registers', () => {
    const definition = {
      name: 'greedy',
      summary: 'Wants more.',
      params: NoParams,
      start: () => undefined,
      states: { only: (): Tick => 'ran' },
    };
    const variables = Array.from({ length: 15 }, (_, index) => `v${index}`);
    expect(() => machine({ ...definition, variables })).toThrow('no register is left for variable v14');
    expect(() => machine({ ...definition, variables: variables.slice(1) })).not.toThrow();
  });
});

describe('random numbers', () => {
  test('are mixed as MurmurHash3 does', () => {
    // Of an empty key, its 32-bit hash is fmix32 of the seed.
    expect([0, 1, 0xffff_ffff].map(mix32)).toEqual([0, 0x514e_28b7, 0x81f1_6f39]);
  });

  test('follow from seed and number, and differ', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, n) => {
        expect(draw(seed, n)).toBe(draw(seed, n));
        expect(draw(seed, n)).not.toBe(draw(seed, n + 1));
      }),
    );
  });

  test('fill words and pages, never with zeros alone', () => {
    for (const seed of [0, 1, 0xffff_ffff]) {
      expect(new Set(drawWords(seed, 1024)).size).toBe(1024);
      expect(randomPage(seed)).toHaveLength(4096);
    }
  });

  test('fold in order', () => {
    expect(fold(fold(0, 1), 2)).not.toBe(fold(fold(0, 2), 1));
  });
});

describe('the table of programs', () => {
  test('has each under its own name, which fits a task, with a sentence about it', () => {
    for (const [name, program] of PROGRAMS) {
      expect(program.name).toBe(name);
      expect(name).toMatch(/^[a-z]{1,15}$/);
      expect(program.summary).toMatch(/^[A-Z].*\.$/);
    }
  });
});

describe('prepareParams', () => {
  test('fills in defaults, in what a shell executes as well, and changes nothing that it is given', () => {
    const params = { commands: [{ program: 'sieve' }, { program: 'idle', params: { ticks: 5 } }] };
    const before = structuredClone(params);
    const prepared = prepareParams('shell', params);
    expect(prepared).toMatchObject({
      parallel: true,
      commands: [{ params: { limit: 1_000_000 } }, { params: { ticks: 5, memoryMiB: 1 } }],
    });
    expect(params).toEqual(before);
  });

  test('changes nothing that it prepared before', () => {
    for (const [name, given] of Object.entries({
      shell: { commands: [{ program: 'kvstore' }] },
      wordcount: { path: 'a' },
    })) {
      const prepared = prepareParams(name, given, { baseFolder: '/specs' });
      expect(prepareParams(name, prepared)).toEqual(prepared);
    }
  });

  test('leaves relative paths alone when it is told of no folder', () => {
    expect(prepareParams('wordcount', { path: 'a' })).toMatchObject({ path: 'a' });
  });

  test('refuses a program that is not there', () => {
    expect(() => prepareParams('ls')).toThrow('no program is called "ls"');
  });

  test('takes or refuses whatever a program is given, and never fails otherwise', () => {
    const names = fc.constantFrom(...PROGRAMS.keys());
    const params = fc.dictionary(
      fc.constantFrom('limit', 'path', 'commands', 'ticks', 'seed', 'depth', 'fanout', 'flags'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(names, fc.oneof(params, fc.jsonValue()), (name, given) => {
        try {
          prepareParams(name, given);
        } catch (error) {
          expect(error).toMatchObject({
            name: 'CkptError',
            code: expect.stringMatching(/^(EINVAL|ENOENT)$/),
          });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
