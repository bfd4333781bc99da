import * as grpc from '@grpc/grpc-js';
import { asBuffer } from '@quorate/std';
import { statSync } from 'node:fs';
import {
  filesOf,
  readTlsOptions,
  systemCertificates,
  TlsOptionsError,
  type TlsOptions,
} from './tls-options.ts';

type ConnectorArguments = Parameters<grpc.ChannelCredentials['_createSecureConnector']>;
type Connector = ReturnType<grpc.ChannelCredentials['_createSecureConnector']>;

/**
 * The credentials of all connections of a client. gRPC's own hold certificates as they once were; these look at the files
 * before each connection, some microseconds, and read them again when they have changed.
 */
export class TlsCredentials extends grpc.ChannelCredentials {
  readonly #options: TlsOptions;
  readonly #files: readonly string[];
  #seen: string;
  #current: grpc.ChannelCredentials;

  /** Reads all files. @throws TlsOptionsError */
  static open(options: TlsOptions): TlsCredentials {
    return new TlsCredentials(options);
  }

  private constructor(options: TlsOptions) {
    super();
    this.#options = options;
    this.#files = filesOf(options);
    // Looked at first: a file that changes while it is read is read once more.
    this.#seen = stampOf(this.#files);
    this.#current = load(options);
  }

  /** The name that certificates of servers must be for, whatever the endpoint is called. */
  get serverName(): string | undefined {
    return this.#options.serverName;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: grpc.ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...rest: ConnectorArguments): Connector {
    // One for each connection, and none at the beginning: it would keep the certificates of that time.
    const next = () => this.#upToDate()._createSecureConnector(...rest);
    const callCredentials = rest[2] ?? grpc.CallCredentials.createEmpty();
    return {
      connect: (socket) => next().connect(socket),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials,
      destroy: () => {},
    };
  }

  #upToDate(): grpc.ChannelCredentials {
    const now = stampOf(this.#files);
    if (now === this.#seen) return this.#current;
    this.#seen = now;
    try {
      this.#current = load(this.#options);
    } catch (error) {
      if (!(error instanceof TlsOptionsError)) throw error;
      this.#options.onReloadFailed?.(error);
      return this.#current;
    }
    this.#options.onReloaded?.();
    return this.#current;
  }
}

function load(options: TlsOptions): grpc.ChannelCredentials {
  const { ca, cert, key } = readTlsOptions(options);
  const { insecureSkipVerify = false } = options;
  const pem = (bytes: Uint8Array | undefined) => (bytes === undefined ? null : asBuffer(bytes));
  const trusted = ca === undefined && !insecureSkipVerify ? systemCertificates() : pem(ca);
  try {
    return grpc.credentials.createSsl(trusted, pem(key), pem(cert), {
      rejectUnauthorized: !insecureSkipVerify,
    });
  } catch (error) {
    // Sound by itself and yet not to the taste of OpenSSL, such as a key that is too short.
    const reason = error instanceof Error ? error.message : String(error);
    throw new TlsOptionsError('CLIENT_TLS_CERT', `it cannot be used: ${reason}`, { cause: error });
  }
}

/** Another text when a file was changed, replaced or removed, as far as the file system tells. */
function stampOf(files: readonly string[]): string {
  return files.map(oneStampOf).join(' ');
}

function oneStampOf(file: string): string {
  try {
    // Follows links: a mounted secret is replaced by moving one.
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return `${dev}.${ino}.${size}.${mtimeNs}.${ctimeNs}`;
  } catch {
    // What is wrong with it, the reader will say.
    return 'none';
  }
}
