import { Slices, systemClock, type Clock } from '@quorate/std';
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { readKeyPair } from './certificates.ts';
import { reasonOf, textOf, TlsConfigError } from './errors.ts';
import { FileWatch, type NamedFile } from './files.ts';
import { Handshakes, type Handshake } from './handshakes.ts';
import { checkAllowedNames, commonNameOf, isAllowed, type AllowedNames } from './names.ts';
import type { TlsObserver, TlsRefusal } from './observer.ts';
import { addressMismatch, systemResolver, type AddressResolver } from './peer-address.ts';
import { protocolOf, type ProtocolOptions } from './protocol.ts';
import { refusalOfError, refusalOfVerification } from './refusals.ts';
import { Revocations } from './revocation.ts';
import { authoritiesOf } from './trust.ts';

/** Who is at the other end of a connection, as far as a certificate has proved it. */
export interface TlsIdentity {
  /** The common name of a certificate that was demanded and verified; undefined in every other case. */
  readonly commonName: string | undefined;
}

/** Takes a connection whose handshake and checks are over. The socket is the taker's from then on. */
export type OnSecure = (socket: TLSSocket, identity: TlsIdentity) => void;

/** What is shown to those who connect, and what is asked of them. */
export interface ServerTlsOptions extends ProtocolOptions {
  readonly cert: NamedFile;
  readonly key: NamedFile;
  /** Authorities of client certificates; with it every client needs one. */
  readonly trustedCa?: NamedFile | undefined;
  /** Every client needs a certificate; of an authority of this system when there is no `trustedCa`. */
  readonly clientCertAuth?: boolean;
  readonly crl?: NamedFile | undefined;
  readonly allowed?: AllowedNames | undefined;
  /** Whether a connection has to come from where its certificate says that its owner is. */
  readonly checkAddress?: boolean;
  /** Application protocols, the preferred one first. */
  readonly alpn: readonly string[];
  /** From the accepting of a connection to the end of all checks. */
  readonly handshakeTimeoutMs?: number;
  /** Handshakes at the same time; one more takes the place of the one that has lasted longest. */
  readonly maxHandshakes?: number;
  readonly observer?: TlsObserver;
  readonly clock?: Clock;
  readonly resolver?: AddressResolver;
}

const defaults = {
  clientCertAuth: false,
  checkAddress: false,
  handshakeTimeoutMs: 10_000,
  maxHandshakes: 4_096,
  observer: {},
  clock: systemClock,
  resolver: systemResolver,
} as const satisfies Partial<ServerTlsOptions>;

/** What a handshake leads to, and what its socket was before. */
interface Visit {
  readonly onSecure: OnSecure;
  readonly allowHalfOpen: boolean;
}

type Settings = ServerTlsOptions & Required<Pick<ServerTlsOptions, keyof typeof defaults>>;

/**
 * Handshakes that begin in one turn: each costs a signature, some more with the certificate of a client, and who comes by
 * the hundred shall not hold up those who are in.
 */
const beginningsPerTurn = 1;

/** What the files hold. */
interface Loaded {
  readonly context: SecureContextOptions;
  readonly revocations: Revocations | undefined;
}

/**
 * The one policy for connections that others open: every listener with TLS hands its sockets to one of these, and gets
 * them back when all checks were passed. Files are read anew when they change; connections that stand stay.
 */
export class ServerTls implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #server: Server;
  readonly #handshakes: Handshakes<Visit>;
  readonly #beginnings: Slices;
  readonly #watch: FileWatch;
  #revocations: Revocations | undefined;
  #reloading: Promise<void> | undefined;

  /** Reads all files. @throws TlsConfigError */
  static async open(options: ServerTlsOptions): Promise<ServerTls> {
    const settings = { ...defaults, ...options };
    checkSettings(settings);
    // Before they are read, so that a change in between is seen.
    const watch = new FileWatch(filesOf(settings));
    return new ServerTls(settings, watch, load(settings));
  }

  private constructor(settings: Settings, watch: FileWatch, loaded: Loaded) {
    this.#settings = settings;
    this.#watch = watch;
    this.#revocations = loaded.revocations;
    const { handshakeTimeoutMs, maxHandshakes, clock, alpn } = settings;
    this.#beginnings = new Slices(
      { atOnceMax: beginningsPerTurn, perTurnMax: beginningsPerTurn, sliceMs: Infinity },
      settings.clock,
    );
    this.#handshakes = new Handshakes(
      { deadlineMs: handshakeTimeoutMs, max: maxHandshakes },
      clock,
      (handshake, reason) => this.#tellRefusal(handshake, reason, ''),
    );
    // It never listens: sockets come by `accept`. OpenSSL refuses a client without a certificate, and Node one with
    // a certificate that cannot be verified.
    this.#server = createServer({
      ...loaded.context,
      requestCert: demandsCertificate(settings),
      rejectUnauthorized: true,
      ALPNProtocols: [...alpn],
      // Our own deadline comes first; this one is for what it might miss.
      handshakeTimeout: 2 * handshakeTimeoutMs,
    });
    this.#server.on('secureConnection', (socket) => this.#verify(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#fail(error, socket));
  }

  /** Handshakes under way. */
  get handshakes(): number {
    return this.#handshakes.count;
  }

  /**
   * Does the handshake on a socket that was accepted and not read from, and hands over the secured one, with a listener
   * for its errors. A connection that is refused is closed, and the observer told; whatever bytes come, nothing is
   * thrown.
   */
  accept(socket: Socket, onSecure: OnSecure): void {
    socket.on('error', () => {}); // It is followed by 'close', which says enough.
    if (socket.destroyed) return;
    const { allowHalfOpen } = socket;
    const handshake = this.#handshakes.begin(socket, { onSecure, allowHalfOpen });
    // Whoever closes his side in a handshake will not end it.
    socket.allowHalfOpen = false;
    // Why it was closed may still be told by TLS, which hears of it after us.
    socket.once('close', () => {
      setImmediate(() => this.#refuse(handshake, 'closed by the other side', ''));
    });
    const begin = (): void => this.#beginnings.run(() => this.#begin(handshake));
    // What OpenSSL holds for a connection is some hundred kilobytes: whoever says nothing gets none of it.
    if (socket.readableLength > 0) begin();
    else socket.once('readable', begin);
  }

  /** Cuts the handshakes under way; connections that were handed over are not ours any more. */
  async close(): Promise<void> {
    this.#handshakes.cutAll();
    await this.#reloading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #begin(handshake: Handshake<Visit>): void {
    const { socket } = handshake;
    if (socket.destroyed) return;
    // It has ended, and said nothing.
    if (socket.readableLength === 0) return this.#refuse(handshake, 'closed by the other side', '');
    if (this.#watch.hasChanged()) this.#startReload();
    if (this.#reloading === undefined) this.#server.emit('connection', socket);
    else void this.#reloading.then(() => this.#begin(handshake));
  }

  #verify(socket: TLSSocket): void {
    socket.on('error', () => {}); // Whoever gets it adds his own.
    const handshake = this.#handshakeOf(socket);
    if (handshake === undefined) {
      socket.destroy();
      return;
    }
    void this.#check(socket, handshake).catch((error: unknown) =>
      this.#refuse(handshake, 'untrusted certificate', textOf(error)),
    );
  }

  /** All that TLS itself does not know. Ends in `onSecure`, or in a refusal. */
  async #check(socket: TLSSocket, handshake: Handshake<Visit>): Promise<void> {
    const { allowed, checkAddress, resolver, clock, observer } = this.#settings;
    let commonName: string | undefined;
    if (demandsCertificate(this.#settings)) {
      const certificate = socket.getPeerX509Certificate();
      if (!socket.authorized || certificate === undefined) {
        return this.#refuse(handshake, 'untrusted certificate', String(socket.authorizationError));
      }
      const revoked = this.#revocations?.refusalOf(certificate);
      if (revoked !== undefined) return this.#refuse(handshake, 'revoked certificate', revoked);
      if (allowed !== undefined && !isAllowed(certificate, allowed)) {
        return this.#refuse(handshake, 'name not allowed', 'client certificate authentication failed');
      }
      // A unix socket has no address; who may reach it, its file says.
      if (checkAddress && handshake.remoteAddress !== undefined) {
        const mismatch = await addressMismatch(certificate, handshake.remoteAddress, resolver);
        if (mismatch !== undefined) return this.#refuse(handshake, 'wrong address', mismatch);
      }
      commonName = commonNameOf(certificate);
    }
    if (!this.#handshakes.end(handshake)) return;
    observer.onSecured?.({ durationMs: clock.now() - handshake.startedMs });
    const { onSecure, allowHalfOpen } = handshake.context;
    socket.allowHalfOpen = allowHalfOpen;
    onSecure(socket, { commonName });
  }

  /** A handshake that OpenSSL or Node has given up. */
  #fail(error: Error, socket: TLSSocket): void {
    const handshake = this.#handshakeOf(socket);
    socket.destroy();
    if (handshake === undefined) return;
    // Node says only that the socket was closed when it was Node that closed it.
    const verification = refusalOfVerification(socket.authorizationError);
    if (verification === undefined) this.#refuse(handshake, refusalOfError(error), reasonOf(error));
    else this.#refuse(handshake, verification, String(socket.authorizationError));
  }

  #refuse(handshake: Handshake<Visit>, reason: TlsRefusal, detail: string): void {
    if (!this.#handshakes.end(handshake)) return;
    handshake.socket.destroy();
    this.#tellRefusal(handshake, reason, detail);
  }

  #tellRefusal({ remoteAddress }: Handshake<Visit>, reason: TlsRefusal, detail: string): void {
    this.#settings.observer.onRefused?.({ reason, remoteAddress, detail: detail.trim() });
  }

  /** Of the socket below: `_parent` is how Node's own timers get from one to the other. Without it, nobody gets in. */
  #handshakeOf(socket: TLSSocket): Handshake<Visit> | undefined {
    return this.#handshakes.of((socket as { readonly _parent?: Socket })._parent);
  }

  /** Connections that come before it is done wait for it; a reload waits for the one before. */
  #startReload(): void {
    const before = this.#reloading ?? Promise.resolve();
    const reloading = before
      .then(() => this.#reload())
      .then(() => {
        if (this.#reloading === reloading) this.#reloading = undefined;
      });
    this.#reloading = reloading;
  }

  #reload(): void {
    const { observer } = this.#settings;
    try {
      const { context, revocations } = load(this.#settings);
      this.#server.setSecureContext(context);
      this.#revocations = revocations;
      observer.onReloaded?.({ files: this.#watch.paths });
    } catch (error) {
      observer.onReloadFailed?.({ error });
    }
  }
}

function demandsCertificate({ trustedCa, clientCertAuth }: Settings): boolean {
  return trustedCa !== undefined || clientCertAuth;
}

function filesOf({ cert, key, trustedCa, crl }: Settings): NamedFile[] {
  return [cert, key, trustedCa, crl].filter((file) => file !== undefined);
}

/** @throws TlsConfigError for a rule about certificates that nobody would have to show */
function checkSettings(settings: Settings): void {
  const { allowed, crl } = settings;
  if (allowed !== undefined) checkAllowedNames(allowed);
  if (demandsCertificate(settings)) return;
  const rule =
    crl?.flag ??
    (allowed?.commonNames.length ? allowed.flags.commonNames : undefined) ??
    (allowed?.hostNames.length ? allowed.flags.hostNames : undefined);
  if (rule === undefined) return;
  throw new TlsConfigError(
    `${rule} is a rule about certificates of clients, but none is demanded of them: name their authorities as well`,
  );
}

function load(settings: Settings): Loaded {
  const { cert, key, trustedCa, crl, clock, observer } = settings;
  const options = {
    nowMs: clock.wallMs(),
    onWarning: (message: string) => observer.onWarning?.(message),
  };
  const pair = readKeyPair({ cert, key }, options);
  const protocol = protocolOf(settings);
  if (!demandsCertificate(settings)) return { context: { ...protocol, ...pair }, revocations: undefined };
  const { ca, certificates } = authoritiesOf(trustedCa, options);
  if (trustedCa !== undefined) warnOfMissingRoots(certificates, trustedCa, options);
  return {
    context: { ...protocol, ...pair, ca: [...ca] },
    revocations: crl === undefined ? undefined : Revocations.read(crl, certificates, options),
  };
}

/** Node's server believes nobody whose root it does not have, unlike Go's. */
function warnOfMissingRoots(
  certificates: readonly X509Certificate[],
  { flag, path }: NamedFile,
  { onWarning }: { readonly onWarning: (message: string) => void },
): void {
  for (const certificate of certificates) {
    if (certificates.some((other) => certificate.checkIssued(other))) continue;
    onWarning(
      `${flag}: ${path} holds the authority "${certificate.subject}", but not "${certificate.issuer}", which has issued it: ` +
        'add that, or its certificates are refused',
    );
  }
}
