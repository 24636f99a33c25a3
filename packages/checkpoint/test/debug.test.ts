import { DEBUG_AREAS, type Debug, debugAreas } from '@ckptree/checkpoint';
import { describe, expect, test } from '@jest/globals';
import { AddressSpace, PhysicalMemory } from './support/memory.js';
import { planned } from './support/planned.js';
import { fileTable, mm, openFile, task, tree, vma } from './support/trees.js';

/** Plans a small tree with some areas on. @returns lines as `area: text` */
function debugOutput(names: string): string[] {
  const lines: string[] = [];
  const space = new AddressSpace(new PhysicalMemory(8));
  space.setPage(0x3000);
  space.setPage(0x5000);
  const memory = space.snapshot();
  const one = tree(
    task(1, { files: fileTable([openFile({ path: '/log' })]), mm: mm([vma(0x1000, 8)], { memory }) }),
  );
  planned(one, { debug: debugAreas(names, (area, text) => lines.push(`${area}: ${text}`)) });
  return lines;
}

describe('debug output', () => {
  test('has the five areas of the seed', () => {
    expect(DEBUG_AREAS).toEqual(['mm', 'page', 'obj', 'file', 'rw']);
  });

  test('of the area page tells every page that is collected', () => {
    expect(debugOutput('page')).toEqual(['page: got page 0x3000', 'page: got page 0x5000']);
  });

  test('of the area mm tells vmas, pages collected, LDT and vdso', () => {
    expect(debugOutput('mm')).toEqual([
      'mm: vma 1000-9000 flags READ|WRITE|MAYREAD|MAYWRITE ops none',
      'mm: collected 2 pages',
      'mm: ldt of 0 bytes, vdso 0x7ffff7fd0000',
    ]);
  });

  test('of the area obj tells the objects, and of the area file the files', () => {
    expect(debugOutput('obj')).toContain('obj: FILE objref 2 first true');
    expect(debugOutput('file')).toContain('file: file 2 /log pos 0');
  });

  test('of the area rw tells what stands where in the image', () => {
    expect(debugOutput('rw')[0]).toMatch(/^rw: record at 0, \d+ bytes$/);
    expect(debugOutput('rw').some((line) => /^rw: batch at \d+, 8232 bytes$/.test(line))).toBe(true);
  });

  test('comes from several areas, or all, in one order', () => {
    expect(new Set(debugOutput('mm, page').map((line) => line.split(':')[0]))).toEqual(
      new Set(['mm', 'page']),
    );
    expect(new Set(debugOutput('all').map((line) => line.split(':')[0]))).toEqual(new Set(DEBUG_AREAS));
  });

  test('that is off costs nothing: no text is put together', () => {
    const areas: Debug = debugAreas('', () => {
      throw new Error('nothing may be written');
    });
    expect(Object.keys(areas)).toEqual([]);
    expect(debugOutput('')).toEqual([]);
  });

  test('of an unknown area is refused', () => {
    expect(() => debugAreas('mm,pages', () => undefined)).toThrow(
      expect.objectContaining({ code: 'EINVAL', message: expect.stringContaining("'pages'") }),
    );
  });
});
