import type { X509Certificate } from 'node:crypto';
import { TlsConfigError, textOf } from './errors.ts';
import { readNamed, type NamedFile } from './files.ts';
import { PemConverter, X509Certificate as ParsedCertificate, X509Crl } from './x509.ts';

/** A list of revoked certificates, as far as handshakes need it. */
interface RevocationList {
  /** Whose certificates it is about; undefined when nobody that we trust has signed it: then everybody's. */
  readonly issuer: string | undefined;
  readonly serials: ReadonlySet<string>;
}

/** Extensions that make a list one about certificates of others than its issuer (RFC 5280 §5.2.5). */
const issuingDistributionPoint = '2.5.29.28';

/** What is checked of a certificate beyond its signature: whether somebody in its chain has lost the trust. */
export class Revocations {
  readonly #lists: readonly RevocationList[];
  readonly #authorities: readonly X509Certificate[];

  private constructor(lists: readonly RevocationList[], authorities: readonly X509Certificate[]) {
    this.#lists = lists;
    this.#authorities = authorities;
  }

  /**
   * Reads a CRL file: one list in DER, or any number in PEM. A list in the name of an authority must bear its
   * signature. One of somebody unknown cannot be verified, as the file of authorities does not hold its issuer; it
   * counts for all certificates with such a serial, as in etcd, so that it can refuse too much but never too little.
   *
   * @throws TlsConfigError
   */
  static async read(
    file: NamedFile,
    authorities: readonly X509Certificate[],
    { nowMs, onWarning }: { readonly nowMs: number; readonly onWarning: (message: string) => void },
  ): Promise<Revocations> {
    const lists: RevocationList[] = [];
    for (const crl of parse(readNamed(file), file)) {
      const issuer = await signerOf(crl, authorities, file);
      if (issuer === undefined) {
        onWarning(
          `${file.flag}: the list of "${crl.issuer}" in ${file.path} cannot be verified, and counts for all`,
        );
      }
      if (crl.nextUpdate !== undefined && crl.nextUpdate.getTime() < nowMs) {
        onWarning(
          `${file.flag}: the list of "${crl.issuer}" in ${file.path} was to be replaced by ${crl.nextUpdate.toISOString()}`,
        );
      }
      const isOfOthers = crl.getExtension(issuingDistributionPoint) !== null;
      lists.push({
        issuer: isOfOthers ? undefined : issuer,
        serials: new Set(crl.entries.map((entry) => normalSerial(entry.serialNumber))),
      });
    }
    return new Revocations(lists, authorities);
  }

  /**
   * Why a client with this certificate, which TLS has verified, is not let in; undefined when it is. Every certificate
   * of the chain is looked at: its issuers are those among the authorities, or those that the client sent.
   */
  refusalOf(leaf: X509Certificate): string | undefined {
    let certificate = leaf;
    for (let depth = 0; depth < chainLengthMax; depth++) {
      const issuer = this.#issuerOf(certificate);
      // No authority may issue such a one (RFC 5280 §4.1.2.2), and parsers disagree on how it is written.
      if (certificate.serialNumber.startsWith('-')) return 'a certificate has a negative serial';
      if (this.#isRevoked(certificate, issuer))
        return `certificate serial ${certificate.serialNumber} is revoked`;
      if (issuer === undefined) {
        // An authority is where the chain may end; anything else has an issuer that we would have to check as well.
        if (this.#authorities.some(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256))
          return undefined;
        return `the issuer of certificate serial ${certificate.serialNumber} is not known, so nobody can say that it is not revoked: add it to the authorities`;
      }
      if (issuer.fingerprint256 === certificate.fingerprint256) return undefined;
      certificate = issuer;
    }
    return 'the chain of certificates is too long';
  }

  /** The issuer by name and by signature: a look-alike that the client made up does not get in between. */
  #issuerOf(certificate: X509Certificate): X509Certificate | undefined {
    const sent = certificate.issuerCertificate;
    const candidates = sent === undefined ? this.#authorities : [...this.#authorities, sent];
    return candidates.find(
      (candidate) => certificate.checkIssued(candidate) && certificate.verify(candidate.publicKey),
    );
  }

  #isRevoked(certificate: X509Certificate, issuer: X509Certificate | undefined): boolean {
    const serial = normalSerial(certificate.serialNumber);
    return this.#lists.some(
      (list) => list.serials.has(serial) && (list.issuer === undefined || list.issuer === issuer?.subject),
    );
  }
}

/** Longer than any chain that TLS verifies. */
const chainLengthMax = 16;

function parse(bytes: Buffer, { path, flag }: NamedFile): X509Crl[] {
  try {
    const text = bytes.toString('latin1');
    const blocks = text.includes('-----BEGIN')
      ? PemConverter.decodeWithHeaders(text)
          .filter(({ type }) => type === 'X509 CRL' || type === 'CRL')
          .map(({ rawData }) => rawData)
      : [bytes];
    if (blocks.length === 0) throw new Error('no block with BEGIN X509 CRL in it');
    return blocks.map((block) => new X509Crl(block));
  } catch (error) {
    throw new TlsConfigError(
      `${flag}: ${path} holds no list of revoked certificates that can be read (${textOf(error)}): ` +
        'it must be PEM, with BEGIN X509 CRL, or DER',
      { cause: error },
    );
  }
}

/** The name of the authority that has signed a list, undefined for somebody unknown. @throws TlsConfigError */
async function signerOf(
  crl: X509Crl,
  authorities: readonly X509Certificate[],
  { path, flag }: NamedFile,
): Promise<string | undefined> {
  const named = authorities.filter(({ raw }) => new ParsedCertificate(raw).subject === crl.issuer);
  for (const authority of named) {
    const { publicKey } = new ParsedCertificate(authority.raw);
    if (await crl.verify({ publicKey })) return authority.subject;
  }
  if (named.length === 0) return undefined;
  throw new TlsConfigError(
    `${flag}: the list of "${crl.issuer}" in ${path} does not bear the signature of that authority: get it anew from there`,
  );
}

/** Hex without leading zeros, in lower case: parsers differ in both. */
function normalSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}
