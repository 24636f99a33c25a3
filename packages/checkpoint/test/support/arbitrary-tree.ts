import {
  type FileTable,
  type Mm,
  type OpenFile,
  PAGE_SIZE,
  type Task,
  type TaskTree,
  type Vma,
} from '@ckptree/model';
import fc from 'fast-check';
import { AddressSpace, PhysicalMemory } from './memory.js';
import { fileTable, fileVma, mm, openFile, task, tree, vdso, vma, zombie } from './trees.js';

const FILES = 5;
const MMS = 4;
const TABLES = 3;

const index = (count: number) => fc.nat({ max: count - 1 });

const vmaSpec = fc.record({
  /** Pages between the end of the vma before and this one. */
  gap: fc.integer({ min: 0, max: 700 }),
  pages: fc.integer({ min: 1, max: 1300 }),
  file: fc.option(index(FILES)),
  /** Pages that have a frame: where (modulo the size), and whether they are in the image. */
  touched: fc.array(
    fc.record({
      page: fc.nat({ max: 1300 }),
      dirty: fc.boolean(),
      present: fc.boolean(),
      shared: fc.boolean(),
    }),
    { maxLength: 12 },
  ),
});

const mmSpec = fc.record({
  exe: fc.option(index(FILES)),
  vmas: fc.array(vmaSpec, { maxLength: 5 }),
  hasVdso: fc.boolean(),
  ldtEntries: fc.nat({ max: 3 }),
});

const taskSpec = fc.record({
  isZombie: fc.boolean(),
  mm: index(MMS),
  table: index(TABLES),
});

const treeSpec = fc.record({
  mms: fc.array(mmSpec, { minLength: MMS, maxLength: MMS }),
  tables: fc.array(fc.array(index(FILES), { maxLength: 4 }), { minLength: TABLES, maxLength: TABLES }),
  tasks: fc.array(taskSpec, { minLength: 1, maxLength: 7 }),
});

type Spec<A> = A extends fc.Arbitrary<infer Value> ? Value : never;
type TreeSpec = Spec<typeof treeSpec>;
type MmSpec = Spec<typeof mmSpec>;

/** Any tree below a task 1: tasks that share address spaces, tables and files, zombies, sparse memory, shared frames. Contained. */
export const arbitraryTree: fc.Arbitrary<TaskTree> = treeSpec.map(buildTree);

function buildTree(spec: TreeSpec): TaskTree {
  const files = countUsers(spec).map((users) => openFile({ users }));
  const live = spec.tasks.filter(({ isZombie }) => !isZombie);
  const physical = new PhysicalMemory(400);
  const common = physical.allocate();
  physical.bytes(common).fill(0xab);
  const mms = spec.mms.map((one, which) =>
    buildMm(one, files, physical, common, live.filter((user) => user.mm === which).length),
  );
  const tables = spec.tables.map(
    (fds, which): FileTable =>
      fileTable(
        fds.map((file) => files[file]!),
        { users: live.filter((user) => user.table === which).length },
      ),
  );
  return tree(
    ...spec.tasks.map(
      (one, order): Task =>
        one.isZombie ? zombie(order + 1) : task(order + 1, { mm: mms[one.mm]!, files: tables[one.table]! }),
    ),
  );
}

/** How often the objects that live tasks reach refer to each file. */
function countUsers({ tasks, tables, mms }: TreeSpec): number[] {
  const live = tasks.filter(({ isZombie }) => !isZombie);
  const users = new Array<number>(FILES).fill(0);
  const use = (file: number | null): void => {
    if (file !== null) users[file]!++;
  };
  for (const table of new Set(live.map(({ table }) => table))) tables[table]!.forEach(use);
  for (const which of new Set(live.map(({ mm }) => mm))) {
    use(mms[which]!.exe);
    for (const { file } of mms[which]!.vmas) use(file);
  }
  return users;
}

function buildMm(
  { exe, vmas, hasVdso, ldtEntries }: MmSpec,
  files: readonly OpenFile[],
  physical: PhysicalMemory,
  common: number,
  users: number,
): Mm {
  const space = new AddressSpace(physical);
  const built: Vma[] = [];
  let next = 0x10_0000;
  for (const { gap, pages, file, touched } of vmas) {
    const start = next + gap * PAGE_SIZE;
    built.push(file === null ? vma(start, pages) : fileVma(start, pages, files[file]!));
    for (const { page, dirty, present, shared } of touched) {
      const address = start + (page % pages) * PAGE_SIZE;
      const content = Uint8Array.of(page, page >>> 8, built.length, 1);
      space.setPage(address, shared ? { dirty, present, frame: common } : { dirty, present, content });
    }
    next = built.at(-1)!.end;
  }
  if (hasVdso) built.push(vdso());
  return mm(built, {
    users,
    memory: space.snapshot(),
    context: { vdso: 0, ldt: new Uint8Array(ldtEntries * 8).fill(ldtEntries) },
    ...(exe === null ? {} : { exe: files[exe]! }),
  });
}
