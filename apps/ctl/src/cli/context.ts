import { resolveSrv } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { fromLatin1, toLatin1 } from '@quorate/std';
import type { Client, ClientOptions, Credentials } from '@quorate/client';
import { bytesOfText, textOf, type ByteString } from '../byte-string.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { goJson } from '../go/json.ts';
import { isFormat, unsupported, type Format, type Printout } from '../print/printout.ts';
import type { Terminal } from '../terminal.ts';
import { discoverEndpoints } from './discovery.ts';
import { FlagError, type FlagDefinition, type Flags } from './flags.ts';
import { environmentName } from './global-flags.ts';

/** What a command works with: its command line, the terminal, and the cluster. */
export class Context implements AsyncDisposable {
  readonly terminal: Terminal;
  readonly flags: Flags;
  readonly #inheritedFlags: readonly FlagDefinition[];
  readonly #clients: Client[] = [];
  #configured = false;
  #format: Format = 'simple';
  #credentials: Credentials | undefined;

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
    this.configure();
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
    this.configure();
    const asked = endpoints ?? (await this.endpoints());
    if (asked.length === 0) throw new ExitError('badConnection', 'etcdclient: no available endpoints');
    const { openClient } = await import('./open-client.ts');
    const auth = await this.#askCredentials();
    const client = openClient({ ...this.#clientOptions(asked), ...(auth === undefined ? {} : { auth }) });
    this.#clients.push(client);
    if (auth !== undefined) await this.#authenticate(client);
    return client;
  }

  async #authenticate(client: Client): Promise<void> {
    try {
      await client.authenticate();
    } catch (error) {
      throw new ExitError('badConnection', errorText(error), { cause: error });
    }
  }

  /** Who `--user` and `--password` say we are; a password that neither tells is asked for, once. */
  async #askCredentials(): Promise<Credentials | undefined> {
    if (this.#credentials !== undefined) return this.#credentials;
    const user = textOf(this.flags.string('user'));
    if (user === '') return undefined;
    const password = textOf(this.flags.string('password'));
    const colon = user.indexOf(':');
    if (password !== '') this.#credentials = { name: user, password };
    else if (colon >= 0) this.#credentials = { name: user.slice(0, colon), password: user.slice(colon + 1) };
    else {
      const typed = await this.terminal.askSecret('Password: ');
      this.#credentials = { name: user, password: textOf(typed) };
    }
    return this.#credentials;
  }

  /** Takes flags that are not set from the environment, and checks the format. Doing it twice is harmless. */
  configure(): void {
    if (this.#configured) return;
    this.#configured = true;
    for (const flag of this.#inheritedFlags) this.#setFromEnvironment(flag);
    const format = this.flags.string('write-out');
    if (!isFormat(format)) throw new ExitError('badFeature', 'unsupported output format');
    this.#format = format;
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

  #clientOptions(endpoints: readonly ByteString[]): ClientOptions {
    const tls = this.#tlsOptions();
    return {
      endpoints: endpoints.map((endpoint) => textOf(endpoint.trim())),
      dialTimeoutMs: this.flags.durationMs('dial-timeout'),
      requestTimeoutMs: this.timeoutMs,
      // gRPC servers refuse clients that ping more often than this.
      keepaliveTimeMs: Math.max(10_000, this.flags.durationMs('keepalive-time')),
      keepaliveTimeoutMs: this.flags.durationMs('keepalive-timeout'),
      ...(tls === undefined ? {} : { tls }),
    };
  }

  #tlsOptions(): ClientOptions['tls'] {
    const ca = this.#file('cacert');
    const cert = this.#file('cert');
    const key = this.#file('key');
    const insecureSkipVerify = this.flags.bool('insecure-skip-tls-verify');
    const wanted = ca ?? cert ?? key;
    if (wanted === undefined && !insecureSkipVerify && this.flags.bool('insecure-transport'))
      return undefined;
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      insecureSkipVerify,
    };
  }

  #file(flag: string): Uint8Array | undefined {
    const path = this.flags.string(flag);
    if (path === '') return undefined;
    try {
      return readFileSync(Buffer.from(fromLatin1(path)));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ExitError('badConnection', bytesOfText(reason), { cause: error });
    }
  }
}
