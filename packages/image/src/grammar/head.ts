import {
  ARCH,
  HEAD_MAGIC,
  IMAGE_FLAG,
  KERNEL_CONSTANTS,
  PATH_MAX,
  RECORD_HEADER_SIZE,
  VERSION,
} from '../constants.js';
import { between, exactly } from '../lengths.js';
import type { RecordValues } from '../records.js';
import type { Context } from './context.js';
import type { State } from './state.js';
import { readText } from './text.js';
import { fixed, type Place, payload, type Transition, type Transitions } from './transition.js';
import type { DecodedHead } from './visitor.js';

type Header = RecordValues<'HEADER'>;

function checkIdentity(
  context: Context,
  { magic, arch_id, ...header }: Header,
  at: Place<keyof Header>,
): void {
  if (magic !== HEAD_MAGIC)
    context.report(
      'head-magic',
      at.field('magic'),
      `the head magic is 0x${magic.toString(16)} instead of 0x${HEAD_MAGIC.toString(16)}`,
    );
  if (arch_id !== ARCH.X86_64)
    context.report(
      'architecture',
      at.field('arch_id'),
      `the image is of architecture ${arch_id}; only x86-64 (${ARCH.X86_64}) is supported`,
    );
  const { major, minor, patch, rev } = header;
  if (major !== VERSION.major || minor !== VERSION.minor || patch !== VERSION.patch || rev !== VERSION.rev)
    context.report(
      'version',
      at.field('major'),
      `the image is of Linux ${major}.${minor}.${patch}, format revision ${rev}; supported is Linux ` +
        `${VERSION.major}.${VERSION.minor}.${VERSION.patch}, revision ${VERSION.rev}`,
    );
}

function checkConstants(context: Context, { constants }: Header, at: Place<keyof Header>): void {
  for (const [name, value] of Object.entries(constants)) {
    const expected = KERNEL_CONSTANTS[name as keyof typeof constants];
    if (value !== expected)
      context.report(
        'constants',
        at.field('constants'),
        `the constant ${name} is ${value} instead of ${expected}`,
      );
  }
}

const header: Transition = fixed('HEADER', (context, values, at) => {
  checkIdentity(context, values, at);
  checkConstants(context, values, at);
  if ((values.uflags & ~IMAGE_FLAG.SUBTREE) !== 0n)
    context.report(
      'image-flags',
      at.field('uflags'),
      `the image flags are 0x${values.uflags.toString(16)}; only SUBTREE (0x1) is known`,
    );
  context.head.header = values;
  return 'release';
});

const uts = (part: 'release' | 'version' | 'machine', next: State): Transition =>
  payload(exactly(RECORD_HEADER_SIZE + KERNEL_CONSTANTS[`uts_${part}_len`]), (context, record) => {
    context.head[part] = readText(context, record, `${part} of the kernel`);
    return next;
  });

const lsmName: Transition = payload(
  between(RECORD_HEADER_SIZE + 1, RECORD_HEADER_SIZE + PATH_MAX),
  (context, record) => {
    context.head.lsm = readText(context, record, 'name of the security module');
    if (isWhole(context.head)) context.visitor.head(context.head);
    return 'tree';
  },
);

/** After damage parts may be missing. */
function isWhole(head: Context['head']): head is DecodedHead {
  const { header, release, version, machine, arch, lsm } = head;
  return ![header, release, version, machine, arch, lsm].includes(undefined);
}

export const headStates = {
  header: { HEADER: header },
  release: { BUFFER: uts('release', 'version') },
  version: { BUFFER: uts('version', 'machine') },
  machine: { BUFFER: uts('machine', 'header-arch') },
  'header-arch': {
    HEADER_ARCH: fixed('HEADER_ARCH', (context, arch) => {
      context.head.arch = arch;
      return 'container';
    }),
  },
  container: { CONTAINER: fixed('CONTAINER', () => 'lsm-name') },
  'lsm-name': { BUFFER: lsmName },
} satisfies Partial<Record<State, Transitions>>;
