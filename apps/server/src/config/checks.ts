import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from './errors.ts';
import { isLogFile, logOutputsOf } from '../logs/outputs.ts';
import { rotationOf } from '../logs/rotation-settings.ts';
import { collectorUrl, samplesMax } from '../tracing/collector.ts';
import { checkTls, tlsWarningsOf } from './tls-checks.ts';
import { parseDuration } from './field.ts';
import { memberSourceOf } from './member-source.ts';
import { configKeys, metaOf, serverConfig, type ConfigKey, type ServerConfig } from './schema.ts';

/** Refuses what this version cannot serve, or never will. @throws ConfigError */
export function checkServed(config: ServerConfig, originOf: (key: ConfigKey) => string): void {
  const defaults = serverConfig.parse({});
  for (const key of configKeys) {
    const { notBuilt, refused } = metaOf(key);
    if ((notBuilt ?? refused) === undefined || isDeepStrictEqual(config[key], defaults[key])) continue;
    if (refused !== undefined) throw new ConfigError(`${originOf(key)}: ${refused}`);
    throw new ConfigError(`${originOf(key)} needs ${notBuilt}, which this version does not support`);
  }
}

/** Rules over several fields (reference: validation of the configuration). @throws ConfigError */
export function checkTogether(config: ServerConfig): void {
  if (config.electionTimeoutMs < 5 * config.heartbeatIntervalMs) {
    throw new ConfigError(
      `--election-timeout[${config.electionTimeoutMs}ms] should be at least as 5 times as --heartbeat-interval[${config.heartbeatIntervalMs}ms]`,
    );
  }
  if (config.listenClientUrls.length === 0)
    throw new ConfigError('--listen-client-urls: at least one URL is needed');
  if (config.listenPeerUrls.length === 0)
    throw new ConfigError('--listen-peer-urls: at least one URL is needed');
  const journal = config.logOutputs.split(',').find((output) => output.trim() === 'systemd/journal');
  if (journal !== undefined)
    throw new ConfigError(
      `--log-outputs: ${journal} is not supported by this version: the journal takes stderr`,
    );
  if (isOn(config, 'LeaseCheckpointPersist') && !isOn(config, 'LeaseCheckpoint')) {
    throw new ConfigError(
      '--feature-gates: enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint',
    );
  }
  if (config.ioThreads > 0 && config.grpcTransport !== 'lean') {
    throw new ConfigError(
      `--io-threads=${config.ioThreads} needs --grpc-transport=lean: ${config.grpcTransport} serves on the member's own thread only`,
    );
  }
  checkLogRotation(config);
  checkTracing(config);
  checkTls(config);
  retentionOf(config);
  memberSourceOf(config);
}

function checkLogRotation({ enableLogRotation, logOutputs, logRotationConfigJson }: ServerConfig): void {
  if (!enableLogRotation) return;
  if (logOutputsOf(logOutputs).filter(isLogFile).length !== 1) {
    throw new ConfigError(
      '--log-outputs requires a single file path when --log-rotate-config-json is defined (--enable-log-rotation)',
    );
  }
  try {
    rotationOf(logRotationConfigJson);
  } catch (error) {
    throw new ConfigError(`--log-rotation-config-json: ${error instanceof Error ? error.message : ''}`);
  }
}

function checkTracing({ enableDistributedTracing, tracingAddress, tracingSamplingRate }: ServerConfig): void {
  if (!enableDistributedTracing) return;
  if (tracingSamplingRate < 0 || tracingSamplingRate > samplesMax) {
    const reason = tracingSamplingRate < 0 ? 'positive' : `less than ${samplesMax}`;
    throw new ConfigError(
      `--distributed-tracing-sampling-rate: distributed tracing configurition is not valid: (tracing sampling rate must be ${reason})`,
    );
  }
  try {
    collectorUrl(tracingAddress);
  } catch (error) {
    throw new ConfigError(`--distributed-tracing-address: ${error instanceof Error ? error.message : ''}`);
  }
}

/** What is allowed and yet hardly meant. */
export function warningsOf(config: ServerConfig): string[] {
  const warnings: string[] = [];
  if (isOn(config, 'LeaseCheckpoint') && !isOn(config, 'LeaseCheckpointPersist')) {
    warnings.push(
      'Detected that checkpointing is enabled without persistence. Consider enabling feature gate LeaseCheckpointPersist',
    );
  }
  if (config.discoverySrvName !== '' && config.discoverySrv === '') {
    warnings.push('--discovery-srv-name is ignored, since --discovery-srv is not set');
  }
  for (const [flag, urls] of [
    ['--advertise-client-urls', config.advertiseClientUrls],
    ['--initial-advertise-peer-urls', config.initialAdvertisePeerUrls],
  ] as const) {
    for (const url of urls.filter(isUnspecified)) {
      warnings.push(
        `${flag}: ${url} is an address to listen on, nobody can reach it: advertise one that others can`,
      );
    }
  }
  return [...warnings, ...tlsWarningsOf(config)];
}

function isOn(config: ServerConfig, gate: string): boolean {
  return config.featureGates.get(gate) === true;
}

function isUnspecified(url: string): boolean {
  // The parser writes every form of these two addresses in one way.
  return /^https?:/i.test(url) && ['0.0.0.0', '[::]'].includes(new URL(url).hostname);
}

/** What `--auto-compaction-retention` means in its mode; undefined when it is off. @throws ConfigError */
export function retentionOf(
  config: ServerConfig,
): { mode: 'periodic'; retentionMs: number } | { mode: 'revision'; retentionRevisions: number } | undefined {
  const { autoCompactionMode, autoCompactionRetention } = config;
  const isNumber = /^\d+$/.test(autoCompactionRetention);
  if (autoCompactionMode === 'revision') {
    if (!isNumber)
      throw new ConfigError(
        `--auto-compaction-retention: "${autoCompactionRetention}" is not a number of revisions`,
      );
    const retentionRevisions = Number(autoCompactionRetention);
    return retentionRevisions === 0 ? undefined : { mode: 'revision', retentionRevisions };
  }
  const retentionMs = isNumber
    ? Number(autoCompactionRetention) * 3_600_000
    : parseDuration(autoCompactionRetention);
  if (retentionMs === undefined || retentionMs < 0) {
    throw new ConfigError(
      `--auto-compaction-retention: "${autoCompactionRetention}" is neither hours nor a duration such as 10m`,
    );
  }
  return retentionMs === 0 ? undefined : { mode: 'periodic', retentionMs };
}
