import { isCommand, parseCommandLine } from './config/command-line.ts';
import { ConfigError, loadConfig } from './config/load.ts';
import { tuneHeap } from './heap.ts';
import type { ServerConfig } from './config/schema.ts';
import type { Logger } from 'pino';
import { newLogger } from './logging.ts';
import type { Server } from './server.ts';
import { tellServiceManager } from './service-manager.ts';
import { signalCodes } from './signal-codes.ts';
import { serverVersion } from './version.ts';

/** Runs `quorate` with these arguments and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    const [command, ...rest] = args;
    if (isCommand(command)) {
      // What a member needs is not loaded for these, nor what these need for a member.
      const { runCommand } = await import('./commands/run-command.ts');
      return await runCommand(command, rest);
    }
    const commandLine = parseCommandLine(args);
    switch (commandLine.action) {
      case 'help':
        process.stdout.write(commandLine.text);
        return;
      case 'version':
        process.stdout.write(versionText());
        return;
      case 'run': {
        const { config, warnings } = loadConfig({ flags: commandLine.flags, env: process.env });
        await run(config, warnings);
      }
    }
  } catch (error) {
    process.stderr.write(`quorate: ${sentenceOf(error)}\n`);
    process.exit(error instanceof ConfigError ? error.exitCode : 1);
  }
}

async function run(config: ServerConfig, warnings: readonly string[]): Promise<void> {
  tuneHeap();

  const log = newLogger(config);
  for (const warning of warnings) log.warn(warning);
  log.info(
    { version: serverVersion, node: process.version, dataDir: config.dataDir, pid: process.pid },
    'starting',
  );
  // Before it serves there is nothing to hand over or to finish. Who is the first process of a container and says
  // nothing of a signal does not get it at all.
  let end = (code: number): void => process.exit(code);
  for (const [signal, code] of Object.entries(signalCodes)) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      end(process.pid === 1 ? 0 : code);
    });
  }
  const { Server } = await import('./server.ts');
  const server = await Server.start(config, {
    log,
    onFatal: () => {
      // What was said to be done is on disk; what is in flight is answered by nobody.
      process.exit(1);
    },
    // Whoever was removed has nothing left to do: that is a normal end.
    onRemoved: () => end(0),
  });
  end = (code) => void stop(server, log, code);
  log.info(
    {
      memberId: server.memberId,
      clusterId: server.clusterId,
      clientUrls: config.listenClientUrls,
      peerUrls: config.listenPeerUrls,
    },
    'ready to serve',
  );
  void tellServiceManager(log);
  if (process.stdout.isTTY || process.env['npm_lifecycle_event'] === 'start')
    process.stdout.write(welcome(config));
}

async function stop(server: Server, log: Logger, code: number): Promise<void> {
  try {
    await server.close();
    process.exit(code);
  } catch (error) {
    log.fatal({ err: error }, 'could not stop cleanly');
    process.exit(1);
  }
}

function welcome(config: ServerConfig): string {
  const endpoint = config.listenClientUrls[0] ?? '';
  const flag = endpoint === 'http://localhost:2379' ? '' : ` --endpoints ${endpoint}`;
  return [
    '',
    `Quorate serves etcd's v3 API on ${endpoint}. Try, in another terminal:`,
    '',
    `  npx quoratectl${flag} put greeting hello`,
    `  npx quoratectl${flag} get greeting`,
    `  npx quoratectl${flag} watch --prefix ""`,
    `  npx quoratectl${flag} endpoint status -w table`,
    `  curl ${endpoint}/metrics`,
    '',
    `Data lies in ${config.dataDir}. Ctrl-C stops the member.`,
    '',
    '',
  ].join('\n');
}

function versionText(): string {
  return [
    `etcd Version: ${serverVersion}`,
    'Git SHA: Quorate',
    `Go Version: none (Node ${process.version})`,
    `Go OS/Arch: ${process.platform}/${process.arch}`,
    '',
  ].join('\n');
}

function sentenceOf(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  const causes: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (!causes.some((text) => text.includes(cause.message))) causes.push(cause.message);
  }
  const text = causes.join(': ');
  if (/LEVEL_LOCKED|lock.*(held|already)|Resource temporarily unavailable/i.test(describe(error))) {
    return `the data directory is in use by another member (${text}): stop it first, or choose another --data-dir`;
  }
  return text;
}

/** Codes and messages of an error and all its causes. */
function describe(error: unknown): string {
  const parts: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    parts.push('code' in cause ? String(cause.code) : '', cause.message);
  }
  return parts.join(' ');
}
