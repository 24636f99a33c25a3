/** What the slot of a task holds, in words of 32 bits. */
export const SLOT = {
  PID: 0,
  /** As the task sees it; `PARENT` is where it hangs in the tree. They differ for threads and for a restarted root. */
  PPID: 1,
  TGID: 2,
  PGID: 3,
  SID: 4,
  STATE: 5,
  EXIT_STATUS: 6,
  EXIT_SIGNAL: 7,
  /** The cpu that hosts it; the tasks of one address space share one. */
  CPU: 8,
  FLAGS: 9,
  SIGNAL: 10,
  PARENT: 11,
  FIRST_CHILD: 12,
  LAST_CHILD: 13,
  NEXT: 14,
  PREVIOUS: 15,
  /** The next slot in its cpu's wake queue. */
  WAKE_NEXT: 16,
  PDEATH_SIGNAL: 17,
  /** Executed ticks, low and high word; written by its cpu alone, read for people. */
  TICKS: 18,
  /** The 128-bit digest of a zombie's last state. */
  DIGEST: 20,
  /** 16 bytes: the name, NUL-padded. */
  COMM: 24,
  /** Pid of the root of its tree, which may be in another kernel; negative once that root has ended. */
  TREE: 28,
} as const;
/** Two cache lines. */
export const SLOT_WORDS = 32;

export const STATE = { FREE: 0, LIVE: 1, BLOCKED: 2, ZOMBIE: 3 } as const;

/** Bits of `SLOT.FLAGS`. */
export const FLAG = {
  /** Frozen by people: stays so until thawed. */
  FREEZE_USER: 1,
  /** The freezer of a cut under way. */
  FREEZE_CUT: 2,
  /** A signal is pending in `SLOT.SIGNAL`. */
  SIGNALLED: 4,
  /** It is in its cpu's wake queue. */
  WAKING: 8,
  /** Its first tick has not come: a spawn or restart is still bringing its tree in. */
  INCOMING: 16,
  /** It hangs below the kernel's slot because its parent is in another kernel, which may wait for it. */
  REMOTE_PARENT: 32,
  /** People are freezing its tree, and not all of it stands still. */
  FREEZING: 64,
} as const;
export const FROZEN_FLAGS = FLAG.FREEZE_USER | FLAG.FREEZING | FLAG.FREEZE_CUT | FLAG.INCOMING;
/** What a child has from its parent: whoever is about to freeze the parent means the child too. */
export const INHERITED_FLAGS = FLAG.FREEZING | FLAG.FREEZE_CUT;

/** The slot of the kernel itself: parent of every root, reaper of last resort. */
export const KERNEL_SLOT = 0;

export const PID_MAX = 4_194_304;
export const COMM_BYTES = 16;
export const SIGKILL = 9;
