import { encode, putRecord, RECORD_TYPE, type RecordName, recordSize } from '@ckptree/image';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { constants } from '../dist/records/head.js';
import { shortVma } from '../dist/records/mm.js';
import { pids } from '../dist/records/task.js';
import { RECORDS } from '../dist/records.js';

/** `field: [offset in the record, bytes]`, written down from the format's description and not from the code. */
type Layout = Readonly<Record<string, readonly [offset: number, size: number]>>;

const eachU64 = (first: number, names: string): Layout =>
  Object.fromEntries(names.split(' ').map((name, index) => [name, [first + index * 8, 8]]));

const LAYOUTS: Readonly<Record<RecordName, { type: number; size: number; fields: Layout }>> = {
  HEADER: {
    type: 1,
    size: 72,
    fields: {
      magic: [8, 8],
      arch_id: [16, 2],
      major: [18, 2],
      minor: [20, 2],
      patch: [22, 2],
      rev: [24, 2],
      constants: [32, 24],
      time: [56, 8],
      uflags: [64, 8],
    },
  },
  HEADER_ARCH: { type: 2, size: 16, fields: { has_fxsr: [8, 2], has_xsave: [10, 2], xstate_size: [12, 2] } },
  CONTAINER: { type: 3, size: 8, fields: {} },
  OBJREF: { type: 6, size: 16, fields: { objtype: [8, 4], objref: [12, 4] } },
  TREE: { type: 101, size: 16, fields: { nr_tasks: [8, 4] } },
  TASK: {
    type: 102,
    size: 72,
    fields: {
      state: [8, 4],
      exit_state: [12, 4],
      exit_code: [16, 4],
      exit_signal: [20, 4],
      pdeath_signal: [24, 4],
      set_child_tid: [32, 8],
      clear_child_tid: [40, 8],
      compat_robust_futex_head_len: [48, 4],
      compat_robust_futex_list: [52, 4],
      robust_futex_head_len: [56, 4],
      robust_futex_list: [64, 8],
    },
  },
  TASK_OBJS: {
    type: 104,
    size: 32,
    fields: {
      files_objref: [8, 4],
      mm_objref: [12, 4],
      fs_objref: [16, 4],
      sighand_objref: [20, 4],
      signal_objref: [24, 4],
    },
  },
  RESTART_BLOCK: { type: 105, size: 56, fields: eachU64(8, 'function_type arg_0 arg_1 arg_2 arg_3 arg_4') },
  THREAD: {
    type: 106,
    size: 16,
    fields: { thread_info_flags: [8, 4], gdt_entry_tls_entries: [12, 2], sizeof_tls_array: [14, 2] },
  },
  CPU: {
    type: 107,
    size: 192,
    fields: {
      ...eachU64(8, 'r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip sp flags fs gs'),
      fsindex: [176, 2],
      gsindex: [178, 2],
      cs: [180, 2],
      ss: [182, 2],
      ds: [184, 2],
      es: [186, 2],
      used_math: [188, 4],
    },
  },
  FILE_TABLE: { type: 301, size: 16, fields: { fdt_nfds: [8, 4] } },
  FILE_DESC: {
    type: 302,
    size: 24,
    fields: { fd_objref: [8, 4], fd_descriptor: [12, 4], fd_close_on_exec: [16, 4] },
  },
  FILE: {
    type: 304,
    size: 48,
    fields: {
      f_type: [8, 4],
      f_mode: [12, 4],
      f_flags: [16, 4],
      f_credref: [20, 4],
      f_pos: [24, 8],
      f_version: [32, 8],
      f_secref: [40, 4],
    },
  },
  MM: {
    type: 401,
    size: 120,
    fields: {
      map_count: [8, 4],
      exe_objref: [12, 4],
      ...eachU64(
        16,
        'def_flags flags start_code end_code start_data end_data start_brk brk start_stack arg_start arg_end env_start env_end',
      ),
    },
  },
  VMA: {
    type: 402,
    size: 72,
    fields: {
      vma_type: [8, 4],
      vma_objref: [12, 4],
      ino_objref: [16, 4],
      ino_size: [24, 8],
      ...eachU64(32, 'vm_start vm_end vm_page_prot vm_flags vm_pgoff'),
    },
  },
  PGARR: { type: 403, size: 16, fields: { nr_pages: [8, 8] } },
  MM_CONTEXT: { type: 404, size: 24, fields: { vdso: [8, 8], ldt_entry_size: [16, 4], nldt: [20, 4] } },
  TAIL: { type: 9001, size: 16, fields: { magic: [8, 8] } },
  ERROR: { type: 9999, size: 8, fields: {} },
};

const names = Object.keys(LAYOUTS) as RecordName[];

/** Values of which each byte of each field is different from its neighbours. */
function distinct(fields: Layout): Record<string, unknown> {
  let next = 1;
  return Object.fromEntries(
    Object.entries(fields).map(([name, [, size]]) => {
      if (name === 'constants')
        return [name, Object.fromEntries(Object.keys(constants.offsets).map((key) => [key, next++]))];
      return [name, size === 8 ? BigInt(next++) : next++];
    }),
  );
}

describe.each(names)('%s', (name) => {
  const { type, size, fields } = LAYOUTS[name];

  test('has its type and its size', () => {
    expect(RECORD_TYPE[name]).toBe(type);
    expect(recordSize(name)).toBe(size);
  });

  test('has its fields where the format has them, and zeros between', () => {
    const values = distinct(fields);
    const bytes = encode(putRecord, name, values as never);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    expect([bytes.length, view.getUint32(0, true), view.getUint32(4, true)]).toEqual([size, type, size]);
    const seen = new Set([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const [field, [offset, width]] of Object.entries(fields)) {
      for (let byte = offset; byte < offset + width; byte++) seen.add(byte);
      if (field !== 'constants') expect([field, bytes[offset]]).toEqual([field, Number(values[field])]);
    }
    for (const [byte, value] of bytes.entries())
      if (!seen.has(byte)) expect([byte, value]).toEqual([byte, 0]);
  });
});

test('the constants of the header are twelve 16-bit numbers in their order', () => {
  expect(Object.keys(constants.offsets).join(' ')).toBe(
    'task_comm_len at_vector_size signal_nsig uts_sysname_len uts_nodename_len uts_release_len uts_version_len ' +
      'uts_machine_len uts_domainname_len rlimit_nlimits n_tty_buf_size tty_termios_ncc',
  );
  expect(constants.size).toBe(24);
});

test('an entry of the pids buffer has 24 bytes', () => {
  expect(pids.size).toBe(24);
  expect(pids.offsets).toEqual({ vpid: 0, vppid: 4, vtgid: 8, vpgid: 12, vsid: 16 });
});

test('the short vma record has its range right behind its objref', () => {
  expect(shortVma.size + 8).toBe(56);
  expect(shortVma.offsets).toMatchObject({ vm_start: 8, vm_pgoff: 40 });
});

describe('a record round-trips', () => {
  /** Any values of a record, from the sizes of its fields. */
  const arbitrary = (name: RecordName) => {
    const { body } = RECORDS[name];
    const probe = body.read(new DataView(new ArrayBuffer(body.size)), 0);
    const leaf = (value: unknown, field: string): fc.Arbitrary<unknown> => {
      if (typeof value === 'bigint') return fc.bigInt(0n, 2n ** 64n - 1n);
      if (typeof value === 'object' && value !== null)
        return fc.record(Object.fromEntries(Object.keys(value).map((key) => [key, fc.nat(0xffff)])));
      return fc.nat(LAYOUTS[name].fields[field]![1] === 2 ? 0xffff : 0x7fff_ffff);
    };
    return fc.record(
      Object.fromEntries(Object.entries(probe).map(([field, value]) => [field, leaf(value, field)])),
    );
  };

  test.each(names)('%s', (name) => {
    fc.assert(
      fc.property(arbitrary(name), (values) => {
        const bytes = encode(putRecord, name, values as never);
        const { body } = RECORDS[name];
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        expect({ ...body.read(view, 8) }).toEqual({ ...values });
        expect(body.strayPadding(view, 8)).toBe(-1);
      }),
      { numRuns: 50 },
    );
  });
});

test('a value that does not fit its field is refused', () => {
  expect(() => encode(putRecord, 'TREE', { nr_tasks: 2 ** 31 })).toThrow(
    expect.objectContaining({ code: 'EOVERFLOW' }),
  );
  expect(() => encode(putRecord, 'PGARR', { nr_pages: -1n })).toThrow(
    expect.objectContaining({ code: 'EOVERFLOW' }),
  );
});
