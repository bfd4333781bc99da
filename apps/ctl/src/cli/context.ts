import { resolveSrv } from 'node:dns/promises';
import { toLatin1 } from '@quorate/std';
import type { Client, ClientOptions, TlsOptions, TlsOptionsError } from '@quorate/client';
import { bytesOfText, textOf, type ByteString } from '../byte-string.ts';
import { errorText } from '../error-text.ts';
import { applyChosenContext } from '../contexts/chosen-context.ts';
import { ExitError } from '../exit.ts';
import type { Situation } from '../hints.ts';
import { goJson } from '../go/json.ts';
import { isFormat, unsupported, type Format, type Printout } from '../print/printout.ts';
import type { Terminal } from '../terminal.ts';
import { credentialsOf, destinationCredentialsOf, type ClientCredentials } from './credentials.ts';
import { discoverEndpoints } from './discovery.ts';
import { FlagError, type FlagDefinition, type Flags } from './flags.ts';
import { environmentName } from './global-flags.ts';
import { refuseEmptyFiles, tlsFlags, tlsProblem, withFiles, type ClusterPrefix } from './tls-files.ts';

/** No message of gRPC is larger. */
const sizeMax = 2 ** 31 - 1;

/** What a command works with: its command line, the terminal, and the cluster. */
export class Context implements AsyncDisposable {
  readonly terminal: Terminal;
  readonly flags: Flags;
  readonly #inheritedFlags: readonly FlagDefinition[];
  readonly #clients: Client[] = [];
  #environmentRead = false;
  #contextApplied = false;
  #format: Format = 'simple';
  #credentials: ClientCredentials | undefined;

  constructor(terminal: Terminal, flags: Flags, inheritedFlags: readonly FlagDefinition[]) {
    this.terminal = terminal;
    this.flags = flags;
    this.#inheritedFlags = inheritedFlags;
  }

  /** The arguments that are no flags. */
  get args(): readonly ByteString[] {
    return this.flags.args;
  }

  /** The format of the output. */
  get format(): Format {
    return this.#format;
  }

  /** Whether byte strings are printed in hex. */
  get hex(): boolean {
    return this.flags.bool('hex');
  }

  /** The endpoints given, or with `--discovery-srv` those that DNS knows. */
  async endpoints(): Promise<readonly ByteString[]> {
    await this.prepare();
    const domain = textOf(this.flags.string('discovery-srv'));
    if (domain === '') return this.flags.list('endpoints');
    const serviceName = textOf(this.flags.string('discovery-srv-name'));
    const insecure = this.flags.bool('insecure-discovery');
    try {
      return await discoverEndpoints({ domain, serviceName, insecure }, resolveSrv);
    } catch (error) {
      throw new ExitError('error', errorText(error), { cause: error });
    }
  }

  /** How long a command may take. */
  get timeoutMs(): number {
    return this.flags.durationMs('command-timeout');
  }

  /**
   * A client of the endpoints given, or of others. The environment is read when the first one is made: by then a
   * command has looked at its own arguments, whose faults come first.
   */
  async client(endpoints?: readonly ByteString[]): Promise<Client> {
    const credentials = await this.prepare();
    const asked = endpoints ?? (await this.endpoints());
    if (asked.length === 0) throw new ExitError('badConnection', 'etcdclient: no available endpoints');
    return await this.#connect({ ...this.#clientOptions(asked), ...credentials });
  }

  /** A client of the cluster that the flags beginning with `--dest-` are about. */
  async destinationClient(endpoints: readonly ByteString[]): Promise<Client> {
    this.#readEnvironment();
    const credentials = await destinationCredentialsOf(this.flags, this.terminal);
    return await this.#connect({ ...this.#clientOptions(endpoints, 'dest-'), ...credentials }, 'dest-');
  }

  async #connect(options: ClientOptions, prefix: ClusterPrefix = ''): Promise<Client> {
    const client = await this.#openClient(options, prefix);
    this.#clients.push(client);
    try {
      await client.authenticate({ timeoutMs: this.flags.durationMs('dial-timeout') });
    } catch (error) {
      throw new ExitError('badConnection', errorText(error), { cause: error });
    }
    return client;
  }

  async #openClient(options: ClientOptions, prefix: ClusterPrefix): Promise<Client> {
    const { openClient, isEndpointError, tlsErrorCode } = await import('./open-client.ts');
    try {
      return openClient(options);
    } catch (error) {
      // etcdctl tries until time is up, and ends with this code.
      if (isEndpointError(error)) throw new ExitError('error', errorText(error), { cause: error });
      const code = tlsErrorCode(error);
      if (code === undefined) throw error;
      throw tlsProblem(code, errorText(error), this.flags, prefix);
    }
  }

  /**
   * Takes flags that are not set from the environment and from the context chosen, finds out who we are, and checks the
   * format: in the order in which etcdctl complains. Doing it twice is harmless.
   */
  async prepare(): Promise<ClientCredentials> {
    this.#readEnvironment();
    if (!this.#contextApplied) {
      this.#contextApplied = true;
      await applyChosenContext(this.flags, this.terminal.env);
    }
    refuseEmptyFiles(this.flags);
    this.#credentials ??= await credentialsOf(this.flags, this.terminal);
    this.#readFormat();
    return this.#credentials;
  }

  /** What is there to prepare for a command that needs no cluster, and so nothing of a context. */
  prepareOffline(): void {
    this.#readEnvironment();
    this.#readFormat();
  }

  #readEnvironment(): void {
    if (this.#environmentRead) return;
    this.#environmentRead = true;
    for (const flag of this.#inheritedFlags) this.#setFromEnvironment(flag);
  }

  #readFormat(): void {
    const format = this.flags.string('write-out');
    if (!isFormat(format)) throw new ExitError('badFeature', 'unsupported output format');
    this.#format = format;
  }

  /** What the command is about, for advice when it fails. Names the user, and no password. */
  situation(command: string): Situation {
    const [user = ''] = this.flags.string('user').split(':', 1);
    return {
      command,
      endpoints: this.flags.list('endpoints'),
      endpointsGiven: this.flags.isSet('endpoints') || this.flags.isSet('discovery-srv'),
      user,
      hasToken: this.flags.isSet('auth-jwt-token'),
    };
  }

  /** Prints a result in the format asked for. */
  print(printout: Printout): void {
    this.terminal.out(this.#render(printout));
  }

  /** Prints text as it is, whatever the format. */
  printText(text: ByteString): void {
    this.terminal.out(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  #render(printout: Printout): ByteString {
    switch (this.#format) {
      case 'simple':
        return printout.simple();
      case 'json':
        if (printout.json !== undefined) return `${goJson(printout.json())}\n`;
        break;
      case 'fields':
        if (printout.fields !== undefined) return printout.fields();
        break;
      case 'protobuf':
        if (printout.protobuf !== undefined) return toLatin1(printout.protobuf());
        break;
      case 'table':
        if (printout.table !== undefined) return printout.table();
        break;
    }
    throw unsupported(this.#format);
  }

  #setFromEnvironment(flag: FlagDefinition): void {
    const name = environmentName(flag);
    const value = this.terminal.env[name];
    if (value === undefined) return;
    if (this.flags.isSet(flag.name)) {
      const reason = 'is shadowed by corresponding command-line flag';
      const remedy = '(either unset environment variable or disable flag)';
      throw new ExitError('error', `conflicting environment variable ${name} ${reason} ${remedy}`);
    }
    if (value === '') return;
    try {
      this.flags.set(flag, bytesOfText(value));
    } catch (error) {
      if (!(error instanceof FlagError)) throw error;
      throw new ExitError('error', `${name}: ${error.message}`, { cause: error });
    }
  }

  #clientOptions(endpoints: readonly ByteString[], prefix: ClusterPrefix = ''): ClientOptions {
    const { options: read, skipsOnly } = tlsFlags(this.flags, prefix);
    const tls = read && this.#renewable(withFiles(read, this.flags, prefix), prefix);
    const addresses = endpoints.map((endpoint) => textOf(endpoint.trim()));
    return {
      // The client speaks TLS to an endpoint that leaves it open when there are options for it.
      endpoints: skipsOnly ? addresses.map(plainUnlessSaid) : addresses,
      dialTimeoutMs: this.flags.durationMs('dial-timeout'),
      requestTimeoutMs: this.timeoutMs,
      // gRPC servers refuse clients that ping more often than this.
      keepaliveTimeMs: Math.max(10_000, this.flags.durationMs('keepalive-time')),
      keepaliveTimeoutMs: this.flags.durationMs('keepalive-timeout'),
      ...this.#sizeLimits(),
      ...(tls === undefined ? {} : { tls }),
    };
  }

  /** Whoever follows something for long hears why renewed files are of no use; others have ended by then. */
  #renewable(tls: TlsOptions, prefix: ClusterPrefix): TlsOptions {
    const onReloadFailed = (error: TlsOptionsError) => {
      const { text = '' } = tlsProblem(error.code, errorText(error), this.flags, prefix);
      this.terminal.err(`warning: ${text}; connections go on with what was read before\n`);
    };
    return { ...tls, onReloadFailed };
  }

  /** As for etcdctl, nothing above zero means the default. */
  #sizeLimits(): Pick<ClientOptions, 'maxSendBytes' | 'maxReceiveBytes'> {
    const limitOf = (flag: string) => Math.min(Number(this.flags.int64(flag)), sizeMax);
    const [send, receive] = [limitOf('max-request-bytes'), limitOf('max-recv-bytes')];
    return {
      ...(send > 0 ? { maxSendBytes: send } : {}),
      maxReceiveBytes: receive > 0 ? receive : sizeMax,
    };
  }
}

function plainUnlessSaid(address: string): string {
  return /^[a-z]+:\/\//.test(address) ? address : `http://${address}`;
}
