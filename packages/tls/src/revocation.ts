import type { X509Certificate } from 'node:crypto';
import { equalBytes } from '@quorate/std';
import { normalSerial, parseCrl, subjectOf, type Crl } from './crl.ts';
import { TlsConfigError, textOf } from './errors.ts';
import { readNamed, type NamedFile } from './files.ts';

/** A list of revoked certificates, as far as handshakes need it. */
interface RevocationList {
  /** Whose certificates it is about; undefined when nobody that we trust has signed it: then everybody's. */
  readonly issuer: string | undefined;
  readonly serials: ReadonlySet<string>;
}

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
  static read(
    file: NamedFile,
    authorities: readonly X509Certificate[],
    { nowMs, onWarning }: { readonly nowMs: number; readonly onWarning: (message: string) => void },
  ): Revocations {
    const lists: RevocationList[] = [];
    for (const crl of parse(readNamed(file), file)) {
      const issuer = signerOf(crl, authorities, file);
      if (issuer === undefined) {
        onWarning(
          `${file.flag}: a list in ${file.path} is of nobody who is trusted, and counts for all certificates`,
        );
      }
      if (crl.nextUpdateMs !== undefined && crl.nextUpdateMs < nowMs) {
        const due = new Date(crl.nextUpdateMs).toISOString();
        onWarning(`${file.flag}: a list in ${file.path} was to be replaced by ${due}`);
      }
      lists.push({ issuer: crl.isOfOthers ? undefined : issuer, serials: crl.serials });
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

function parse(bytes: Buffer, { path, flag }: NamedFile): Crl[] {
  try {
    const text = bytes.toString('latin1');
    if (!text.includes('-----BEGIN')) return [parseCrl(bytes)];
    const blocks = [...text.matchAll(pemBlock)];
    if (blocks.length === 0) throw new Error('no block with BEGIN X509 CRL in it');
    return blocks.map(([, base64 = '']) => parseCrl(Buffer.from(base64, 'base64')));
  } catch (error) {
    throw new TlsConfigError(
      `${flag}: ${path} holds no list of revoked certificates that can be read (${textOf(error)}): ` +
        'it must be PEM, with BEGIN X509 CRL, or DER',
      { cause: error },
    );
  }
}

const pemBlock = /-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g;

/** The name of the authority that has signed a list, undefined for somebody unknown. @throws TlsConfigError */
function signerOf(
  crl: Crl,
  authorities: readonly X509Certificate[],
  { path, flag }: NamedFile,
): string | undefined {
  const signer = authorities.find(({ publicKey }) => crl.isSignedBy(publicKey));
  if (signer !== undefined) return signer.subject;
  const named = authorities.find((authority) => equalBytes(subjectOf(authority), crl.issuer));
  if (named === undefined) return undefined;
  throw new TlsConfigError(
    `${flag}: the list of "${named.subject}" in ${path} does not bear the signature of that authority: get it anew from there`,
  );
}
