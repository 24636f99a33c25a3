import type { Debug } from '@ckptree/checkpoint';
import type { Palette } from './output/palette.js';
import type { Progress } from './output/progress.js';
import type { CheckpointReport } from './tree/checkpoint-report.js';

/** What a command works with, beside its arguments. */
export interface Session {
  /** Raised when the process is asked to end (SIGINT, SIGTERM, SIGHUP: EINTR), or when what it prints cannot be written (EPIPE). */
  readonly signal: AbortSignal;
  /** Ending in order may take so long after that; most commands have a few seconds. */
  readonly endsWithin: (ms: number) => void;
  readonly progress: Progress;
  readonly debug: Debug;
  /** Tells people something now, on stderr; not with --quiet. */
  readonly say: (message: string) => void;
  /** Shows people a part of the report before the rest is there; nothing with --json. */
  readonly narrate: (part: (palette: Palette) => string) => void;
  /** Prints on stdout now, whatever the options: for reports that come piece by piece. */
  readonly print: (text: string) => void;
  /** Tells the process that started this one with an IPC channel (`child_process.fork`), if there is one. */
  readonly announce: (event: SessionEvent) => void;
}

/** What happens while a command is at work. */
export interface SessionEvent {
  readonly type: 'checkpoint';
  /** It is complete and durable; the tree runs on. */
  readonly checkpoint: CheckpointReport;
}

/** What a command has to show for itself. */
export interface Outcome<Report> {
  readonly report: Report;
  /** 0 when all is well; 1 when the report is not what one hopes for, and `complaint` says why in one sentence. */
  readonly exitCode: 0 | 1;
  /** The report was printed piece by piece. */
  readonly printed?: true;
  readonly complaint?: string;
}
