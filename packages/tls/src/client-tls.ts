import { systemClock, type Clock } from '@quorate/std';
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext, type ConnectionOptions, type SecureContext } from 'node:tls';
import { readKeyPair } from './certificates.ts';
import { FileWatch, type NamedFile } from './files.ts';
import { isAllowed, isFor, type AllowedNames } from './names.ts';
import type { TlsObserver } from './observer.ts';
import { protocolOf, type ProtocolOptions } from './protocol.ts';
import { authoritiesOf } from './trust.ts';
import { TlsConfigError } from './errors.ts';

/** Whom connections are to believe, and what they show of us. */
export interface ClientTlsOptions extends ProtocolOptions {
  /** What we show of ourselves; both or neither. */
  readonly cert?: NamedFile | undefined;
  readonly key?: NamedFile | undefined;
  /** Whom we believe; the authorities of this system when it is left out. */
  readonly trustedCa?: NamedFile | undefined;
  /** The name to find in certificates, whatever the address that is dialled. */
  readonly serverName?: string | undefined;
  /** Who may answer, of all those whom the authorities vouch for. */
  readonly allowed?: AllowedNames | undefined;
  /** Believe everybody: for certificates that members have made for themselves. */
  readonly insecure?: boolean;
  readonly alpn?: readonly string[];
  readonly observer?: TlsObserver;
  readonly clock?: Clock;
}

/** The policy for connections that we open. Files are read anew when they change, before the next connection. */
export class ClientTls {
  readonly #options: ClientTlsOptions;
  readonly #watch: FileWatch;
  /** Undefined as long as nobody was dialled, where there are no files that could be of no use. */
  #context: SecureContext | undefined;

  /** Reads all files. @throws TlsConfigError */
  static open(options: ClientTlsOptions): ClientTls {
    return new ClientTls(options);
  }

  private constructor(options: ClientTlsOptions) {
    this.#options = options;
    const { cert, key, trustedCa } = options;
    this.#watch = new FileWatch([cert, key, trustedCa].filter((file) => file !== undefined));
    // All authorities of a system take a while to load, and most members never dial anybody with TLS.
    if (this.#watch.paths.length === 0) protocolOf(options);
    else this.#context = load(options);
  }

  /** What `node:tls` and `node:https` need to dial that host, from the files as they are now. */
  connectOptions(host: string): ConnectionOptions {
    if (this.#watch.hasChanged()) this.#reload();
    const { serverName, insecure = false, alpn } = this.#options;
    const name = serverName ?? host;
    return {
      secureContext: (this.#context ??= load(this.#options)),
      rejectUnauthorized: !insecure,
      // An address is no server name (RFC 6066 §3), and is checked all the same.
      servername: isIP(name) === 0 ? name : '',
      checkServerIdentity: (_host, { raw }) => this.#refusalOf(name, raw),
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
    };
  }

  /** Only alternative names count, never the common name, as in Go; then whom we talk to at all. */
  #refusalOf(name: string, raw: Uint8Array): Error | undefined {
    const { allowed, insecure = false } = this.#options;
    if (insecure) return undefined;
    const certificate = new X509Certificate(raw);
    if (!isFor(certificate, name)) {
      const names = certificate.subjectAltName ?? 'nobody: it has no alternative names';
      return new Error(`the certificate is not for ${name}, but for ${names}`);
    }
    if (allowed !== undefined && !isAllowed(certificate, allowed)) {
      return new Error('the name in the certificate is not one of those allowed');
    }
    return undefined;
  }

  #reload(): void {
    const { observer } = this.#options;
    try {
      this.#context = load(this.#options);
      observer?.onReloaded?.({ files: this.#watch.paths });
    } catch (error) {
      observer?.onReloadFailed?.({ error });
    }
  }
}

function load(options: ClientTlsOptions): SecureContext {
  const { cert, key, trustedCa, insecure = false, clock = systemClock, observer } = options;
  const reading = { nowMs: clock.wallMs(), onWarning: (message: string) => observer?.onWarning?.(message) };
  if ((cert === undefined) !== (key === undefined)) {
    const given = cert ?? key;
    throw new TlsConfigError(`${given?.flag}: a certificate and its key belong together: give both or none`);
  }
  const pair = cert === undefined || key === undefined ? {} : readKeyPair({ cert, key }, reading);
  const trust = insecure && trustedCa === undefined ? {} : { ca: [...authoritiesOf(trustedCa, reading).ca] };
  return createSecureContext({ ...protocolOf(options), ...pair, ...trust, allowPartialTrustChain: true });
}
