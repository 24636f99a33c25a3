import { randomBytes } from 'node:crypto';
import { asCkptError } from '@ckptree/errors';
import type { TProperties } from '@ckptree/schema';
import { commonOptions } from './config/common-options.js';
import { readConfig, withoutSecrets } from './config/read-config.js';
import { live } from './lifecycle/live.js';
import { endOnUncaught } from './lifecycle/uncaught.js';
import { createLog } from './log/log.js';
import type { ServiceConfig, ServiceDefinition } from './service-definition.js';

const FAILURE = 1;
/** The configuration makes no sense. */
const USAGE = 2;

/**
 * The main() of a service: reads its configuration, starts it, and ends the process when it is asked to (exit code 0), or
 * when it fails (1).
 */
export async function runService<Options extends TProperties>(
  definition: ServiceDefinition<Options>,
): Promise<void> {
  const config = configure(definition);
  if (config === undefined) return;
  const { role, version, options } = definition;
  const log = createLog({ role, id: config.id }, config.logLevel);
  endOnUncaught(log);
  const settings = withoutSecrets({ ...commonOptions(role), ...options }, config);
  log.info({ version, node: process.version, config: settings }, 'starting');
  process.exit(await live(definition, config, log));
}

/** The configuration; undefined when there is nothing to start: help was printed, or a complaint. */
function configure<Options extends TProperties>({
  role,
  description,
  version,
  options,
  check,
}: ServiceDefinition<Options>): ServiceConfig<Options> | undefined {
  const command = `ckptree ${role}`;
  try {
    const all = { ...commonOptions(role), ...options };
    const reading = readConfig({ command, description, version }, all, process.argv.slice(2), process.env);
    if (reading.kind === 'print') {
      print(command, reading.text);
      return undefined;
    }
    const madeUp = { id: `${role}-${randomBytes(4).toString('hex')}` };
    const config = { ...madeUp, ...reading.config } as ServiceConfig<Options>;
    check?.(config);
    return config;
  } catch (error) {
    const { code, message } = asCkptError(error);
    process.stderr.write(`${command}: ${code}: ${message}\n  ${command} --help tells more\n`);
    process.exitCode = USAGE;
    return undefined;
  }
}

function print(command: string, text: string): void {
  // Without a listener a full disk, or a reader that has gone away, would end the process with a stack.
  process.stdout.on('error', (error) => {
    const { code, message } = asCkptError(error);
    process.stderr.write(`${command}: ${code}: ${message}\n`);
    process.exitCode = FAILURE;
  });
  process.stdout.write(text);
}
