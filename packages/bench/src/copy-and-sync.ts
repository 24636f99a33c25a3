import { runCommand } from './command.js';
import { sum, type Timing } from './measure.js';

/** `cp` alone: what is copied may be in the page cache only. */
export const copy = (from: string, to: string): Promise<Timing> =>
  runCommand(['cp', '--reflink=never', from, to]);

/** `cp` and `sync` of one file, as anybody would do it by hand. */
export const copyAndSync = async (from: string, to: string): Promise<Timing> =>
  sum(await copy(from, to), await runCommand(['sync', to]));

/** The same by `dd`, which syncs what it has written itself. */
export const dd = (from: string, to: string): Promise<Timing> =>
  runCommand(['dd', `if=${from}`, `of=${to}`, 'bs=1M', 'conv=fsync', 'status=none']);
