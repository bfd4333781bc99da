import { mkdtempSync, writeFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NamedFile } from '../files.ts';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '../x509.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const rsaAlgorithm = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2_048,
  publicExponent: new Uint8Array([1, 0, 1]),
} as const;
const dayMs = 24 * 3_600_000;

/** What is written into a certificate; what is left out is that of an ordinary one for `localhost`. */
export interface CertificateOptions {
  readonly commonName?: string;
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  readonly usage?: readonly ('client' | 'server')[];
  /** Days from now; negative ones are over. */
  readonly fromDays?: number;
  readonly toDays?: number;
  readonly serial?: string;
  /** Elliptic curves unless said otherwise. */
  readonly keys?: 'rsa';
}

/** A certificate and its key in PEM; with the intermediates that go with it. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly serial: string;
}

const usages = { client: ExtendedKeyUsage.clientAuth, server: ExtendedKeyUsage.serverAuth } as const;

/** A small certificate authority for tests: it issues whatever it is asked for. */
export class CertificateAuthority {
  readonly name: string;
  /** Its own certificate in PEM. */
  readonly pem: string;
  readonly #certificate: X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;
  /** From itself up to, and without, the root. */
  readonly #chain: string;
  #serials = 16;

  private constructor(
    name: string,
    made: {
      readonly certificate: X509Certificate;
      readonly keys: webcrypto.CryptoKeyPair;
      readonly chain: string;
    },
  ) {
    this.name = name;
    this.#certificate = made.certificate;
    this.#keys = made.keys;
    this.#chain = made.chain;
    this.pem = pemOf(made.certificate);
  }

  /** A root. */
  static async create(name = 'test-ca'): Promise<CertificateAuthority> {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: `CN=${name}`,
      ...validity({}),
      signingAlgorithm: algorithm,
      keys,
      extensions: authorityExtensions(),
    });
    return new CertificateAuthority(name, { certificate, keys, chain: '' });
  }

  /** An authority below this one. */
  async intermediate(name: string, { serial = this.#nextSerial() } = {}): Promise<CertificateAuthority> {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serial,
      subject: `CN=${name}`,
      issuer: this.#certificate.subject,
      ...validity({}),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: authorityExtensions(),
    });
    return new CertificateAuthority(name, { certificate, keys, chain: pemOf(certificate) + this.#chain });
  }

  /** A certificate with its key. */
  async issue(options: CertificateOptions = {}): Promise<Issued> {
    const { commonName, dns = ['localhost'], ips = ['127.0.0.1'], usage = ['client', 'server'] } = options;
    const keys = await newKeys(options.keys === 'rsa' ? rsaAlgorithm : algorithm);
    const serial = options.serial ?? this.#nextSerial();
    const names = [
      ...dns.map((value) => ({ type: 'dns' as const, value })),
      ...ips.map((value) => ({ type: 'ip' as const, value })),
    ];
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serial,
      subject: commonName === undefined ? 'O=test' : `CN=${commonName}`,
      issuer: this.#certificate.subject,
      ...validity(options),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension(usage.map((name) => usages[name])),
        ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
      ],
    });
    return { cert: pemOf(certificate) + this.#chain, key: await keyPem(keys.privateKey), serial };
  }

  /** A list of revoked certificates in PEM, signed by this authority. */
  async crl(serials: readonly string[], { nextUpdateDays = 30 } = {}): Promise<string> {
    const nowMs = Date.now();
    const crl = await X509CrlGenerator.create({
      issuer: this.#certificate.subject,
      thisUpdate: new Date(nowMs - 2 * dayMs),
      nextUpdate: new Date(nowMs + nextUpdateDays * dayMs),
      signingAlgorithm: algorithm,
      signingKey: this.#keys.privateKey,
      entries: serials.map((serialNumber) => ({ serialNumber, revocationDate: new Date(nowMs - dayMs) })),
    });
    return `${PemConverter.encode(crl.rawData, 'X509 CRL')}\n`;
  }

  #nextSerial(): string {
    return (this.#serials++).toString(16);
  }
}

/** A folder of files as flags name them; the caller removes it. */
export class CertificateFolder {
  readonly path: string;

  constructor(path: string = mkdtempSync(join(tmpdir(), 'quorate-tls-'))) {
    this.path = path;
  }

  /** Writes a file, or over it, and says how a flag would name it. */
  write(name: string, text: string | Uint8Array, flag = `--${name}`): NamedFile {
    const path = join(this.path, name);
    writeFileSync(path, text, { mode: 0o600 });
    return { path, flag };
  }

  /** Writes both files of a certificate. */
  writePair(name: string, { cert, key }: Issued): { readonly cert: NamedFile; readonly key: NamedFile } {
    return {
      cert: this.write(`${name}.crt`, cert, '--cert-file'),
      key: this.write(`${name}.key`, key, '--key-file'),
    };
  }
}

function authorityExtensions() {
  return [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ];
}

function validity({ fromDays = -1, toDays = 30 }: CertificateOptions): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now();
  return { notBefore: new Date(nowMs + fromDays * dayMs), notAfter: new Date(nowMs + toDays * dayMs) };
}

function newKeys(kind: typeof algorithm | typeof rsaAlgorithm = algorithm): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(kind, true, ['sign', 'verify']);
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}
