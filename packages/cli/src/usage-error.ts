import { CkptError } from '@ckptree/errors';
import { CommanderError } from 'commander';
import { EXIT } from './exit-codes.js';

/** The command line asks for what makes no sense. @param sentence what is wrong with it, and what would be right */
export const usageError = (sentence: string): CommanderError =>
  new CommanderError(EXIT.USAGE, 'ckptree.usage', sentence);

export const isUsageError = (error: unknown): error is CommanderError => error instanceof CommanderError;

/** The complaint of the command line's parser as any other error: `error: what\n(Did you mean that?)` in one line. */
export const usageFailure = ({ message }: CommanderError): CkptError =>
  new CkptError('EINVAL', message.replace(/^error: /, '').replaceAll('\n', ' '));
