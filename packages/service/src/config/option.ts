import { type TInteger, type TString, Type } from '@ckptree/schema';

/**
 * What an option's schema says to people, under the keyword `option`, which validates nothing. The name of a property
 * gives the flag and the variable: `logLevel` is `--log-level` and `CKPTREE_LOG_LEVEL`.
 */
export interface OptionHints {
  /** Another name for flag and variable than the property's, which has its unit: `lease` for `leaseMs`. */
  readonly name?: string;
  /** What stands for the value in the help. */
  readonly placeholder?: string;
  /** What a text must be, for the message that refuses it: `an address such as nats://127.0.0.1:4222`. */
  readonly expected?: string;
  /** How the text is read, when it is not the value itself. */
  readonly as?: 'bytes' | 'duration';
  /** Not for a command line, which everybody on the machine can read: a variable, or a file that holds it. */
  readonly secret?: true;
  /** Variables beside the one of the name, which wins. */
  readonly variables?: readonly string[];
}

interface Described<Value> extends Omit<OptionHints, 'as' | 'secret'> {
  readonly description: string;
  readonly default?: Value;
}

interface Bounded extends Described<number> {
  readonly minimum: number;
  readonly maximum: number;
}

/** Any text that is not empty. @param pattern a regular expression that it must match as a whole */
export function text(
  { description, default: value, ...hints }: Described<string>,
  pattern?: string,
): TString {
  return Type.String({
    description,
    minLength: 1,
    ...(pattern !== undefined && { pattern }),
    ...(value !== undefined && { default: value }),
    option: { placeholder: 'text', ...hints },
  });
}

export const path = (described: Described<string>): TString => text({ placeholder: 'path', ...described });

export function wholeNumber(bounded: Bounded): TInteger {
  return integer(bounded, { placeholder: 'n' });
}

/** An amount of memory: `512M`, `4GiB`, or plain bytes. The value is in bytes. */
export function bytes(bounded: Bounded): TInteger {
  return integer(bounded, { placeholder: 'size', as: 'bytes' });
}

/** `250ms`, `10s`, `15m`, `1h`, `7d`. The value is in milliseconds. */
export function duration(bounded: Bounded): TInteger {
  return integer(bounded, { placeholder: 'duration', as: 'duration' });
}

function integer(
  { description, minimum, maximum, default: value, ...hints }: Bounded,
  kind: OptionHints,
): TInteger {
  return Type.Integer({
    description,
    minimum,
    maximum,
    ...(value !== undefined && { default: value }),
    option: { ...kind, ...hints },
  });
}

/** One of a few words. */
export function choice<const Words extends readonly [string, ...string[]]>(
  words: Words,
  { description, default: value, ...hints }: Described<Words[number]>,
) {
  return Type.Unsafe<Words[number]>({
    enum: words,
    description,
    ...(value !== undefined && { default: value }),
    option: { placeholder: words.join('|'), ...hints },
  });
}

/** On when it is there; the variable may be `true` or `false`. */
export function onOff({ description, default: value = false, ...hints }: Described<boolean>) {
  return Type.Boolean({ description, default: value, option: hints });
}

/** A password or passphrase: from its variable, or from the first line of the file that `--NAME-file` names. */
export function secret({ description, ...hints }: Omit<Described<never>, 'default'>): TString {
  return Type.String({ description, minLength: 1, option: { ...hints, secret: true } });
}
