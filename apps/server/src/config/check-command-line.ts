import { gatewayFlags } from '../commands/gateway-flags.ts';
import { grpcProxyFlags } from '../commands/grpc-proxy-flags.ts';
import { parseFlags } from '../commands/flag-set.ts';
import { isCommand, parseCommandLine } from './command-line.ts';
import { ConfigError } from './errors.ts';
import { loadConfig } from './load.ts';

/**
 * Reads the arguments of `quorate` as it would itself, and starts nothing: for whoever writes command lines down. Neither the
 * environment nor a config file is looked at.
 *
 * @throws ConfigError that says what is wrong with them
 */
export function checkCommandLine(args: readonly string[]): void {
  const [command, word, ...rest] = args;
  if (isCommand(command)) {
    if (word !== 'start') throw new ConfigError(`there is no command "${command} ${word ?? ''}"`);
    if (command === 'gateway') parseFlags(gatewayFlags, rest);
    else parseFlags(grpcProxyFlags, rest);
    return;
  }
  const commandLine = parseCommandLine(args);
  if (commandLine.action === 'run' && !commandLine.flags.has('config-file'))
    loadConfig({ flags: commandLine.flags, env: {} });
}
