import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const map = readFileSync(join(root, 'docs', 'seed-map.md'), 'utf8');

interface Row {
  readonly seed: string;
  /** Where it lives: a file, and a name in it. */
  readonly file: string;
  readonly name: string;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
}

/** `` `file` text `` */
const split = (cell: string): [string, string] => {
  const [, file = '', rest = ''] = /^`([^`]+)` (.+)$/.exec(cell) ?? [];
  return [file, rest];
};

const rows: Row[] = map
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (seed|-)/.test(line))
  .map((line) => {
    const [seed = '', , here = '', held = ''] = line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim());
    const [file, name] = split(here);
    const tests = held.split('<br>').map((cell) => {
      const [testFile, title] = split(cell);
      return { file: testFile, title };
    });
    return { seed, file, name: name.replaceAll('`', ''), tests };
  });

const sourceOf = (file: string): string => {
  const path = join(root, 'packages', file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};

describe('docs/seed-map.md', () => {
  test('lists the functions and structures that the seed patch adds', () => {
    const listed = rows.map(({ seed }) => seed).join(' ');
    for (const name of SEED_FUNCTIONS) expect(listed).toContain(`\`${name}\``);
  });

  test('names files that exist and hold what they are said to hold', () => {
    for (const { seed, file, name } of rows)
      expect([seed, file, name, sourceOf(file).includes(name)]).toEqual([seed, file, name, true]);
  });

  test('names for each rule a test that exists, by its exact title', () => {
    for (const { seed, tests } of rows)
      for (const { file, title } of tests)
        expect([seed, file, title, sourceOf(file).includes(`'${title}'`)]).toEqual([seed, file, title, true]);
  });
});

// biome-ignore format: in the order of the patch
const SEED_FUNCTIONS = [
  'checkpoint_mm_context', 'struct ckpt_pgarr', 'CKPT_PGARR_TOTAL', 'CKPT_PGARR_BATCH', 'pgarr_is_full', 'pgarr_nr_free',
  'pgarr_first', 'pgarr_from_pool', 'pgarr_release_pages', 'pgarr_free_one', 'ckpt_pgarr_free', 'pgarr_alloc_one',
  'pgarr_current', 'pgarr_reset_all', 'consider_private_page', 'vma_fill_pgarr', 'checkpoint_dump_page', 'vma_dump_pages',
  'checkpoint_memory_contents', 'generic_vma_checkpoint', 'private_vma_checkpoint', 'anonymous_checkpoint',
  'ckpt_write_auxv', 'CKPT_AT_SZ', 'do_checkpoint_mm', 'checkpoint_mm', 'checkpoint_obj_mm', 'collect_mm',
  'ckpt_collect_mm', 'obj_mm_grab', 'obj_mm_drop', 'obj_mm_users', 'checkpoint_task_objs', 'ckpt_collect_task',
  'check_for_outstanding_aio', 'CKPT_VMA_NOT_SUPPORTED', 'CKPT_DMEM', 'CKPT_DPAGE', 'struct ckpt_hdr_mm', 'ckpt_hdr_vma',
  'ckpt_hdr_pgarr', 'ckpt_hdr_mm_context', 'enum vma_type', 'CKPT_OBJ_MM', 'filemap_checkpoint',
  'special_mapping_checkpoint',
];
