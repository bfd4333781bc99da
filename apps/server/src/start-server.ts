import { pino } from 'pino';
import { ConfigError } from './config/errors.ts';
import type { LoadedConfig } from './config/given.ts';
import { configOf, type MemberOptions } from './config/options.ts';
import type { ServerConfig } from './config/schema.ts';
import { giveBack, reservePorts } from './listeners.ts';
import { newLogger } from './logging.ts';
import { Server } from './server.ts';
import { newMemoryStorage } from './storage.ts';

/** How a server in this process is started: etcd's flags, and what its owner wants to hear. */
export interface StartServerOptions extends MemberOptions {
  /** Where data lies, there again at the next start; without it in memory, gone when the server closes. */
  readonly dataDir?: string | undefined;
  /** Told once when the server can't go on and answers nobody; without it Node warns of that. */
  readonly onFatal?: ((error: unknown) => void) | undefined;
  /** Told once when the member was removed from its cluster; it then closes. */
  readonly onRemoved?: (() => void) | undefined;
}

/** A server in this process. It keeps the process alive until it is closed. */
export interface RunningServer extends AsyncDisposable {
  /** The first of `endpoints`, such as `http://127.0.0.1:43210`. */
  readonly endpoint: string;
  /** Where clients are served, in the order of `listenClientUrls`. */
  readonly endpoints: readonly string[];
  /**
   * Ends the calls under way after `graceMs` (0 by default), writes down what is pending, and gives back ports, files
   * and threads. Harmless when done twice.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/** What cannot be had without a folder. */
const needDataDir = ['walDir', 'autoTls', 'peerAutoTls'] as const;

/**
 * Starts a member in this process and waits until it serves: with its data in memory, alone, on a free port of
 * 127.0.0.1, listening for no other members and logging nothing, unless the options say otherwise (`logLevel` or
 * `logOutputs` make it log). It reads no flags and no environment, catches no signals, and never ends the process.
 *
 * @throws ConfigError that names the option; StartError, DiskError and others when the data cannot be used
 */
export async function startServer(options: StartServerOptions = {}): Promise<RunningServer> {
  const { onFatal = warnOf, onRemoved, ...given } = options;
  const settings = withoutUndefined(given);
  const loaded = load(settings);
  const log = wantsLog(settings) ? newLogger(loaded.config) : pino({ level: 'silent' });
  for (const warning of loaded.warnings) log.warn(warning);
  const { urls, reserved } = await reservePorts(loaded.config.listenClientUrls, {
    reusePort: loaded.config.ioThreads > 0,
  });
  const config = configAt(loaded.config, urls, settings);
  let removed: () => void = () => onRemoved?.();
  try {
    const server = await Server.start(config, {
      ...{ log, reserved, isGuest: true, onFatal },
      onRemoved: () => removed(),
      ...(settings.dataDir === undefined && { storage: newMemoryStorage() }),
    });
    removed = () => {
      void server.close().then(onRemoved, onFatal);
    };
    return running(server, urls);
  } catch (error) {
    giveBack(reserved);
    throw error;
  }
}

/** @throws ConfigError */
function load(settings: MemberOptions): LoadedConfig {
  if (settings.dataDir === undefined) {
    const asked = needDataDir.find((key) => settings[key] !== undefined && settings[key] !== false);
    if (asked !== undefined)
      throw new ConfigError(`${asked}: a server in memory has no folder for that: give it a dataDir`);
  } else if (settings.dataDir === '') throw new ConfigError('dataDir: "" is no folder');
  const { listenClientUrls = ['http://127.0.0.1:0'], listenPeerUrls } = settings;
  return configOf({
    advertiseClientUrls: listenClientUrls,
    ...(listenPeerUrls !== undefined && { initialAdvertisePeerUrls: listenPeerUrls }),
    ...settings,
    listenClientUrls,
  });
}

/** The configuration, now that it is known where clients are served. */
function configAt(config: ServerConfig, urls: readonly string[], settings: MemberOptions): ServerConfig {
  return {
    ...config,
    listenClientUrls: [...urls],
    ...(settings.advertiseClientUrls === undefined && { advertiseClientUrls: [...urls] }),
    ...(settings.listenPeerUrls === undefined && { listenPeerUrls: [] }),
  };
}

function wantsLog({ logLevel, logOutputs }: MemberOptions): boolean {
  return logLevel !== undefined || logOutputs !== undefined;
}

function running(server: Server, endpoints: readonly string[]): RunningServer {
  const close: RunningServer['close'] = ({ graceMs = 0 } = {}) => server.close({ graceMs });
  return {
    endpoint: endpoints[0] ?? '',
    endpoints,
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

/** So that an option given as undefined is one that was left out. */
function withoutUndefined(options: MemberOptions): MemberOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function warnOf(error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  process.emitWarning(
    `a server of this process stopped and answers nobody: ${reason}`,
    'QuorateServerWarning',
  );
}
