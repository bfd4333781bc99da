import { pino, type Logger } from 'pino';
import type { z } from 'zod';
import type { CommandName } from '../config/command-line.ts';
import { ConfigError } from '../config/errors.ts';
import { NodeDns } from '../node-dns.ts';
import { signalCodes } from '../signal-codes.ts';
import { serverVersion } from '../version.ts';
import { parseFlags, type FlagSet } from './flag-set.ts';
import { gatewayFlags } from './gateway-flags.ts';
import { grpcProxyFlags } from './grpc-proxy-flags.ts';

const groups = {
  gateway: { summary: 'The TCP gateway.', start: gatewayFlags },
  'grpc-proxy': { summary: 'The gRPC proxy.', start: grpcProxyFlags },
} as const;

/** Runs `quorate gateway …` or `quorate grpc-proxy …`. @throws whatever it could not be started for */
export async function runCommand(name: CommandName, args: readonly string[]): Promise<void> {
  // As in etcd, flags may stand before the word, too.
  const at = args.findIndex((argument) => !argument.startsWith('-'));
  if (args[at] !== 'start') return showGroup(name, args[0]);
  const rest = args.toSpliced(at, 1);
  await (name === 'gateway' ? runGateway(rest) : runGrpcProxy(rest));
}

/**
 * The help of a command that is given without a word that it knows; as in etcd that is a good end, for which nothing was
 * done.
 *
 * @throws ConfigError for a flag
 */
function showGroup(name: CommandName, word: string | undefined): void {
  const { summary, start } = groups[name];
  const isQuestion = word === undefined || ['help', '-h', '--help'].includes(word);
  if (!isQuestion) {
    // The flags are those of `start`: what stands before it is one of nobody.
    if (word.startsWith('-'))
      throw new ConfigError(`unknown flag ${word}: flags come behind "${name} start"`);
    process.stderr.write(`quorate: there is no command "${name} ${word}": ${name} start is the only one\n`);
  }
  const lines = [
    `Usage: quorate ${name} start [flags]`,
    '',
    summary,
    '',
    'Commands:',
    `  start   ${start.summary}`,
    '',
    `"quorate ${name} start --help" lists its flags.`,
    '',
  ];
  process.stdout.write(lines.join('\n'));
}

async function runGateway(args: readonly string[]): Promise<void> {
  const flags = flagsFor(gatewayFlags, args);
  if (flags === undefined) return;
  const { config, given } = flags;
  const log = newLogger('gateway', config.logLevel);
  const { startGateway } = await import('./gateway-command.ts');
  const gateway = await startGateway(config, { given, log, resolver: new NodeDns() });
  stopOnSignal(log, () => gateway.close({ graceMs: config.drainTimeoutMs }));
}

async function runGrpcProxy(args: readonly string[]): Promise<void> {
  const flags = flagsFor(grpcProxyFlags, args);
  if (flags === undefined) return;
  const { config, given } = flags;
  const log = newLogger('grpc-proxy', config.debug ? 'debug' : config.logLevel);
  const { startGrpcProxy } = await import('./grpc-proxy-command.ts');
  const proxy = await startGrpcProxy(config, { given, log, resolver: new NodeDns() });
  stopOnSignal(log, () => proxy.close({ graceMs: config.drainTimeoutMs }));
}

/** Undefined after a question that was answered. */
function flagsFor<Schema extends z.ZodObject>(set: FlagSet<Schema>, args: readonly string[]) {
  const parsed = parseFlags(set, args);
  if (parsed.action === 'run') return parsed;
  process.stdout.write(parsed.text);
  return undefined;
}

function newLogger(command: CommandName, level: string): Logger {
  const log = pino(
    {
      level,
      base: { command },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  log.info({ version: serverVersion, node: process.version, pid: process.pid }, 'starting');
  return log;
}

/** The first signal lets end what is under way; the second does not wait for it. */
function stopOnSignal(log: Logger, close: () => Promise<void>): void {
  let isStopping = false;
  for (const [signal, code] of Object.entries(signalCodes)) {
    const exitCode = process.pid === 1 ? 0 : code;
    process.on(signal, () => {
      if (isStopping) process.exit(exitCode);
      isStopping = true;
      log.info({ signal }, 'stopping: what is under way may end');
      close().then(
        () => process.exit(exitCode),
        (error: unknown) => {
          log.fatal({ err: error }, 'could not stop cleanly');
          process.exit(1);
        },
      );
    });
  }
}
