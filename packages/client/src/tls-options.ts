import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { asBuffer } from '@quorate/std';

/** A file in PEM form. It is looked at for each new connection, and read again when it has changed. */
export interface PemFile {
  readonly file: string;
}

/** Certificates or a key in PEM form: the bytes themselves, which stay as they are, or the file that has them. */
export type PemSource = Uint8Array | PemFile;

/** How servers are recognised, and how the client shows who it is. Certificates and keys are in PEM form. */
export interface TlsOptions {
  /** The certificates that a server's must lead back to; left out, those that the system and Node trust. */
  readonly ca?: PemSource;
  /** The client's own certificate, and those between it and its CA. Goes with `key`. */
  readonly cert?: PemSource;
  readonly key?: PemSource;
  /** The name that the server's certificate must be for, and that is sent to it; left out, the endpoint's host. */
  readonly serverName?: string;
  /** Accept any certificate of the server: whoever sits in between can read and change everything. For tests. */
  readonly insecureSkipVerify?: boolean;
  /** Told when files have changed and connections from now on use what they hold. Must not throw. */
  readonly onReloaded?: () => void;
  /**
   * Told when files have changed and are of no use, such as a certificate whose key is not there yet: connections go on
   * with what was read before. Once for each change. Must not throw.
   */
  readonly onReloadFailed?: (error: TlsOptionsError) => void;
}

/** What the options hold, files included. */
export interface TlsMaterial {
  readonly ca: Uint8Array | undefined;
  readonly cert: Uint8Array | undefined;
  readonly key: Uint8Array | undefined;
}

/** Which of the options cannot be used. */
export type TlsOptionsErrorCode = 'CLIENT_TLS_CA' | 'CLIENT_TLS_CERT' | 'CLIENT_TLS_KEY' | 'CLIENT_TLS_PAIR';

/**
 * Options of TLS that no connection could be made with. `CLIENT_TLS_PAIR`: certificate and key are not both there,
 * or do not belong together. The message says what is wrong, and nothing of what the option holds.
 */
export class TlsOptionsError extends Error {
  override readonly name = 'TlsOptionsError';
  readonly code: TlsOptionsErrorCode;

  constructor(code: TlsOptionsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A block of a PEM file. */
interface PemBlock {
  /** What it says it holds, as `CERTIFICATE`. */
  readonly label: string;
  readonly text: string;
}

/** Reads the files, and refuses what would fail at each connection while it can still be said why. @throws TlsOptionsError */
export function readTlsOptions({ ca, cert, key }: TlsOptions): TlsMaterial {
  const material = {
    ca: read(ca, 'CLIENT_TLS_CA'),
    cert: read(cert, 'CLIENT_TLS_CERT'),
    key: read(key, 'CLIENT_TLS_KEY'),
  };
  check(material);
  return material;
}

/** The files that the options name. */
export function filesOf({ ca, cert, key }: TlsOptions): readonly string[] {
  return [ca, cert, key].flatMap((source) =>
    source === undefined || source instanceof Uint8Array ? [] : [source.file],
  );
}

/** The certificates to trust when none were named, as gRPC takes them; null are those that Node trusts by itself. */
export function systemCertificates(): Buffer | null {
  const ofSystem = getCACertificates('system');
  if (ofSystem.length === 0) return null;
  return Buffer.from([...new Set([...getCACertificates('default'), ...ofSystem])].join('\n'));
}

function read(source: PemSource | undefined, code: TlsOptionsErrorCode): Uint8Array | undefined {
  if (source === undefined || source instanceof Uint8Array) return source;
  try {
    return readFileSync(source.file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TlsOptionsError(code, `its file cannot be read: ${reason}`, { cause: error });
  }
}

function check({ ca, cert, key }: TlsMaterial): void {
  if (ca !== undefined) certificatesOf(ca, 'CLIENT_TLS_CA');
  if (cert === undefined && key === undefined) return;
  if (cert === undefined)
    throw new TlsOptionsError('CLIENT_TLS_PAIR', 'a key is given without a certificate');
  if (key === undefined)
    throw new TlsOptionsError('CLIENT_TLS_PAIR', 'a certificate is given without its key');
  const [own] = certificatesOf(cert, 'CLIENT_TLS_CERT');
  if (own?.checkPrivateKey(privateKeyOf(key)) !== true) {
    throw new TlsOptionsError('CLIENT_TLS_PAIR', 'the key is not that of the (first) certificate');
  }
}

function certificatesOf(pem: Uint8Array, code: TlsOptionsErrorCode): X509Certificate[] {
  const blocks = pemBlocks(pem);
  if (blocks.length === 0) throw new TlsOptionsError(code, 'it has no certificate in PEM form');
  return blocks.map(({ label, text }, i) => {
    if (label !== 'CERTIFICATE')
      throw new TlsOptionsError(code, `it has a ${label} where a CERTIFICATE should be`);
    try {
      return new X509Certificate(text);
    } catch (error) {
      throw new TlsOptionsError(code, `its certificate number ${i + 1} is damaged`, { cause: error });
    }
  });
}

function privateKeyOf(pem: Uint8Array): KeyObject {
  const code = 'CLIENT_TLS_KEY';
  // Keys on elliptic curves may have a block before them that names the curve.
  const block = pemBlocks(pem).find(({ label }) => label !== 'EC PARAMETERS');
  if (block === undefined) throw new TlsOptionsError(code, 'it has no private key in PEM form');
  if (!block.label.endsWith('PRIVATE KEY')) {
    throw new TlsOptionsError(code, `it has a ${block.label} where a PRIVATE KEY should be`);
  }
  if (block.label.startsWith('ENCRYPTED') || block.text.includes('Proc-Type: 4,ENCRYPTED')) {
    throw new TlsOptionsError(
      code,
      'its private key is encrypted, and there is no way to give the passphrase',
    );
  }
  try {
    return createPrivateKey(block.text);
  } catch (error) {
    throw new TlsOptionsError(code, 'its private key is damaged', { cause: error });
  }
}

function pemBlocks(pem: Uint8Array): PemBlock[] {
  const blocks = asBuffer(pem)
    .toString('latin1')
    .matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^]*?-----END \1-----/g);
  return [...blocks].map(([text, label = '']) => ({ label, text }));
}
