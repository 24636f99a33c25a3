import { padding, struct, u16, u64 } from '../fields.js';
import { record } from './definition.js';

/**
 * The head and the tail of an image.
 *
 *     head = HEADER BUFFER(release) BUFFER(version) BUFFER(machine) HEADER_ARCH CONTAINER BUFFER(lsm name)
 *     tail = TAIL
 *
 * The three uts buffers hold `uts_*_len` bytes each: text, a NUL, zeros. A BUFFER is not padded: 65 bytes of
 * release make a record of 73 bytes, and the next record starts right behind it.
 */
export const constants = struct({
  task_comm_len: u16,
  at_vector_size: u16,
  signal_nsig: u16,
  uts_sysname_len: u16,
  uts_nodename_len: u16,
  uts_release_len: u16,
  uts_version_len: u16,
  uts_machine_len: u16,
  uts_domainname_len: u16,
  rlimit_nlimits: u16,
  n_tty_buf_size: u16,
  tty_termios_ncc: u16,
});

export const HEADER = record('HEADER', {
  magic: u64,
  arch_id: u16,
  major: u16,
  minor: u16,
  patch: u16,
  rev: u16,
  padding: padding(6),
  constants,
  /** Seconds since 1970 when the checkpoint was taken. */
  time: u64,
  uflags: u64,
});

export const HEADER_ARCH = record('HEADER_ARCH', {
  has_fxsr: u16,
  has_xsave: u16,
  xstate_size: u16,
  padding: padding(2),
});

export const CONTAINER = record('CONTAINER', {});

export const TAIL = record('TAIL', { magic: u64 });

/** A failed checkpoint ends with this and a STRING: one NUL byte, the text, a final NUL. */
export const ERROR = record('ERROR', {});
