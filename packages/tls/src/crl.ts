import { constants, verify, type KeyObject, type X509Certificate } from 'node:crypto';
import { derElement, derElements, derTags, derTime, expectTag, type DerElement } from './der.ts';

/** A list of revoked certificates (RFC 5280 §5), as far as it is needed. */
export interface Crl {
  /** The name of whoever has issued it, in DER. */
  readonly issuer: Uint8Array;
  /** When it is to be replaced, in milliseconds since 1970. */
  readonly nextUpdateMs: number | undefined;
  /** Serials in hex, lower case, without leading zeros. */
  readonly serials: ReadonlySet<string>;
  /** Whether it may be about certificates of others than its issuer (§5.2.5). */
  readonly isOfOthers: boolean;
  /** Whether that key has signed it; false as well for a signature of a kind that is not known. */
  isSignedBy(key: KeyObject): boolean;
}

/** `2.5.29.28`, the extension of lists that are not about all certificates of their issuer, in hex. */
const issuingDistributionPoint = '551d1c';

/** Signatures by the object identifiers of their algorithms in hex, with the digest that `node:crypto` is told. */
const digests: Readonly<Record<string, string | null>> = {
  '2a864886f70d01010b': 'sha256', // sha256WithRSAEncryption
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256', // ecdsa-with-SHA256
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2b6570': null, // Ed25519
  '2b6571': null, // Ed448
};

/** RSASSA-PSS has its digest among the parameters. */
const rsaPss = '2a864886f70d01010a';
const pssDigests: Readonly<Record<string, string>> = {
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};

/**
 * Reads a list in DER. By hand, since there is little to read, while general parsers take a millisecond for each entry
 * and refuse lists of some thousand (see DESIGN.md).
 *
 * @throws Error when it is none
 */
export function parseCrl(bytes: Uint8Array): Crl {
  const list = expectTag(derElement(bytes), derTags.sequence);
  if (list.bytes.length !== bytes.length) throw new Error('bytes after its end');
  const [tbs, algorithm, signature] = derElements(list.content);
  const signed = expectTag(tbs, derTags.sequence);
  const { issuer, rest } = headOf(signed);
  const nextUpdate = isTime(rest[0]) ? rest.shift() : undefined;
  const entries = rest[0]?.tag === derTags.sequence ? rest.shift() : undefined;
  const extensions = rest[0]?.tag === derTags.context0 ? hexOf(rest[0].content) : '';
  return {
    issuer: issuer.bytes,
    nextUpdateMs: nextUpdate && derTime(nextUpdate),
    serials: serialsIn(entries),
    isOfOthers: extensions.includes(`0603${issuingDistributionPoint}`),
    isSignedBy: verifierOf(
      signed,
      expectTag(algorithm, derTags.sequence),
      expectTag(signature, derTags.bitString),
    ),
  };
}

/** The name of a certificate's owner in DER. @throws Error */
export function subjectOf({ raw }: X509Certificate): Uint8Array {
  const [tbs] = derElements(derElement(raw).content);
  const fields = [...derElements(expectTag(tbs, derTags.sequence).content)];
  // [version], serial, algorithm, issuer, validity, subject
  const subject = fields[0]?.tag === derTags.context0 ? fields[5] : fields[4];
  return expectTag(subject, derTags.sequence).bytes;
}

/** Hex without leading zeros, in lower case: whoever writes serials differs in both. */
export function normalSerial(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}

/** What stands before the times, and what is behind the first of them. */
function headOf(tbs: DerElement): { readonly issuer: DerElement; readonly rest: DerElement[] } {
  const fields = [...derElements(tbs.content)];
  if (fields[0]?.tag === derTags.integer) fields.shift(); // The version.
  expectTag(fields.shift(), derTags.sequence); // The algorithm, which is there twice.
  const issuer = expectTag(fields.shift(), derTags.sequence);
  if (!isTime(fields.shift())) throw new Error('no time of its making');
  return { issuer, rest: fields };
}

function serialsIn(entries: DerElement | undefined): Set<string> {
  const serials = new Set<string>();
  if (entries === undefined) return serials;
  for (const entry of derElements(entries.content)) {
    const serial = expectTag(derElement(expectTag(entry, derTags.sequence).content), derTags.integer);
    serials.add(normalSerial(hexOf(serial.content)));
  }
  return serials;
}

function verifierOf(
  tbs: DerElement,
  algorithm: DerElement,
  signature: DerElement,
): (key: KeyObject) => boolean {
  const [identifier, parameters] = derElements(algorithm.content);
  const oid = hexOf(expectTag(identifier, derTags.objectIdentifier).content);
  const isPss = oid === rsaPss;
  const digest = isPss ? pssDigestIn(parameters) : digests[oid];
  // The first byte says how many bits of the last are none; in a signature, all are.
  const value = signature.content.subarray(1);
  const padding = isPss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
    : {};
  return (key) => {
    if (digest === undefined) return false;
    try {
      return verify(digest, tbs.bytes, { key, ...padding }, value);
    } catch {
      return false; // A key of another kind.
    }
  };
}

function pssDigestIn(parameters: DerElement | undefined): string | undefined {
  const text = parameters === undefined ? '' : hexOf(parameters.content);
  return Object.entries(pssDigests).find(([oid]) => text.includes(`0609${oid}`))?.[1];
}

function isTime(element: DerElement | undefined): element is DerElement {
  return element?.tag === derTags.utcTime || element?.tag === derTags.generalizedTime;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
