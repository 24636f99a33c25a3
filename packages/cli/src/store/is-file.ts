import { existsSync } from 'node:fs';

/** Whether somebody who names an image means a file: it has a slash, or it is there. */
export const isFile = (text: string): boolean => text.includes('/') || existsSync(text);
