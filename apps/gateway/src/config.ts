import { Command, CommanderError } from 'commander';
import { z } from 'zod';

const urlList = (protocols: readonly string[]) =>
  z
    .string()
    .transform((text) => text.split(',').map((url) => url.trim()))
    .refine((urls) => urls.every((url) => protocols.includes(URL.parse(url)?.protocol ?? '')), {
      error: `has to be URLs that begin with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}, separated by commas`,
    });
const nameList = z.string().transform((text) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
);
const count = z.coerce.number().int().positive();
const file = z.string().optional();

/** All that a gateway can be told: the source of its flags, its environment and its documentation. */
export const gatewayConfig = z.object({
  endpoints: z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((endpoint) => endpoint.trim())
        .filter((endpoint) => endpoint !== ''),
    )
    .refine((endpoints) => endpoints.length > 0, { error: 'has to name at least one member' })
    .prefault('127.0.0.1:2379')
    .meta({ flag: 'endpoints', description: 'Members of the cluster, separated by commas.' }),
  listenUrls: urlList(['http:', 'https:'])
    .prefault('http://127.0.0.1:2378')
    .meta({ flag: 'listen-urls', description: 'Where to serve; https needs --cert-file and --key-file.' }),
  cacert: file.meta({ flag: 'cacert', description: 'Authorities of the certificates of members.' }),
  cert: file.meta({ flag: 'cert', description: 'Certificate that members are shown.' }),
  key: file.meta({ flag: 'key', description: 'Key of --cert.' }),
  insecureSkipTlsVerify: z
    .stringbool()
    .prefault('false')
    .meta({ flag: 'insecure-skip-tls-verify', description: 'Trust any certificate of a member; for tests.' }),
  certFile: file.meta({ flag: 'cert-file', description: 'Certificate that clients are shown.' }),
  keyFile: file.meta({ flag: 'key-file', description: 'Key of --cert-file.' }),
  trustedCaFile: file.meta({
    flag: 'trusted-ca-file',
    description: 'Authorities of the certificates of clients; with it every client needs one.',
  }),
  cors: nameList.prefault('*').meta({ flag: 'cors', description: 'Origins whose pages may read answers.' }),
  hostWhitelist: nameList.prefault('*').meta({
    flag: 'host-whitelist',
    description: 'Host names that requests without TLS may be addressed to.',
  }),
  maxRequestBytes: count
    .prefault(1_572_864)
    .meta({ flag: 'max-request-bytes', description: 'Largest request, in bytes of its message.' }),
  maxStreams: count
    .prefault(10_000)
    .meta({ flag: 'max-streams', description: 'Streams and WebSockets at once.' }),
  maxConnections: count
    .prefault(10_000)
    .meta({ flag: 'max-connections', description: 'Connections of clients at once.' }),
  requestTimeoutMs: count.prefault(10_000).meta({
    flag: 'request-timeout-ms',
    description: 'Longest time for a call, and for a request to arrive.',
  }),
  healthIntervalMs: count
    .prefault(2_000)
    .meta({ flag: 'health-interval-ms', description: 'Time between two looks at every member.' }),
  drainTimeoutMs: count.prefault(10_000).meta({
    flag: 'drain-timeout-ms',
    description: 'Longest time for calls under way when the gateway is to stop.',
  }),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error'])
    .prefault('info')
    .meta({ flag: 'log-level', description: 'Least important messages that are logged.' }),
});

/** What a gateway goes by, after defaults and checks: one field for each flag. Sizes are in bytes, times in milliseconds. */
export type GatewayConfig = Readonly<z.infer<typeof gatewayConfig>>;

/** What a gateway was told makes no sense; the message names the flag. */
export class GatewayConfigError extends Error {
  override readonly name = 'GatewayConfigError';
  readonly code = 'GATEWAY_CONFIG';
}

const metaOf = (field: z.ZodType) =>
  z.object({ flag: z.string(), description: z.string() }).parse(field.meta());

/**
 * Reads flags, and the environment where there is no flag: `--listen-urls` is `QUORATE_GATEWAY_LISTEN_URLS`. Undefined
 * after a question that was answered, such as `--help`.
 *
 * @throws GatewayConfigError
 */
export function readConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  write: (text: string) => void = (text) => void process.stdout.write(text),
): GatewayConfig | undefined {
  const command = new Command('quorate-gateway')
    .description("etcd's API as JSON over HTTP, in front of any etcd-compatible cluster")
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: () => {} });
  const fields = Object.entries(gatewayConfig.shape);
  for (const [, field] of fields) {
    const { flag, description } = metaOf(field);
    command.option(`--${flag} [value]`, description);
  }
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return undefined;
    throw new GatewayConfigError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  const flags = command.opts<Readonly<Record<string, string | true>>>();
  const given = fields.map(([name, field]) => {
    const { flag } = metaOf(field);
    const value = flags[camelCase(flag)] ?? env[`QUORATE_GATEWAY_${flag.toUpperCase().replaceAll('-', '_')}`];
    return [name, value === true ? 'true' : value] as const;
  });
  return checked(Object.fromEntries(given.filter(([, value]) => value !== undefined)));
}

/**
 * A configuration from values by the names of `GatewayConfig`, with defaults for what is left out.
 *
 * @throws GatewayConfigError with the flag that is wrong, or that lacks another one
 */
export function checked(given: Readonly<Record<string, unknown>>): GatewayConfig {
  const result = gatewayConfig.safeParse(given);
  if (!result.success) {
    const [issue] = result.error.issues;
    const name = String(issue?.path[0]);
    const field = Object.entries(gatewayConfig.shape).find(([key]) => key === name)?.[1];
    throw new GatewayConfigError(
      `--${field === undefined ? name : metaOf(field).flag}: ${issue?.message ?? 'is wrong'}`,
    );
  }
  const config = result.data;
  if ((config.certFile === undefined) !== (config.keyFile === undefined)) {
    throw new GatewayConfigError('--cert-file and --key-file go together');
  }
  if ((config.cert === undefined) !== (config.key === undefined)) {
    throw new GatewayConfigError('--cert and --key go together');
  }
  if (config.certFile === undefined && config.listenUrls.some((url) => url.startsWith('https:'))) {
    throw new GatewayConfigError('--listen-urls has an https URL, which needs --cert-file and --key-file');
  }
  return config;
}

function camelCase(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
