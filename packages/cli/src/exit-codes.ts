/** Exit codes of the command. Beside these: 128 + the number of the signal that ended it. */
export const EXIT = { OK: 0, FAILURE: 1, USAGE: 2 } as const;
