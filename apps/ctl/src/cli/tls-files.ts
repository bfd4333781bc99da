import { readFileSync, statSync } from 'node:fs';
import type { PemFile, TlsOptions, TlsOptionsErrorCode } from '@quorate/client';
import { bytesOfText, textOf, type ByteString } from '../byte-string.ts';
import { ExitError } from '../exit.ts';
import { pathOf, systemText } from '../file.ts';
import type { Flags } from './flags.ts';

/** Flags with files of TLS, and what each is for. */
const tlsFiles = {
  cacert: 'the certificates of the CA that the server is to be trusted by',
  cert: "the client's certificate",
  key: "the key of the client's certificate",
} as const;
type TlsFlag = keyof typeof tlsFiles;

/** What flags about a cluster begin with: nothing, or `dest-` for the one that a mirror is made at. */
export type ClusterPrefix = '' | 'dest-';

/** Refuses flags that are given without a file. @throws ExitError */
export function refuseEmptyFiles(flags: Flags): void {
  for (const flag of ['cert', 'key', 'cacert']) {
    if (!flags.isSet(flag) || flags.string(flag) !== '') continue;
    throw new ExitError('badArguments', `empty string is passed to --${flag} option`);
  }
}

/** Options for TLS with the files read. */
export interface ReadTlsOptions extends TlsOptions {
  readonly ca?: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
}

/** How much the flags say of TLS. */
export interface TlsFlags {
  /** Undefined when they ask for none. */
  readonly options: ReadTlsOptions | undefined;
  /** Nothing but `--insecure-skip-tls-verify`, which turns TLS on for nobody: it is about `https://` endpoints. */
  readonly skipsOnly: boolean;
}

/** Reads the files of `--cacert`, `--cert` and `--key`. @throws ExitError */
export function tlsFlags(flags: Flags, prefix: ClusterPrefix = ''): TlsFlags {
  const insecureSkipVerify = prefix === '' && flags.bool('insecure-skip-tls-verify');
  const isFound = prefix === '' && !flags.bool('insecure-discovery');
  const serverName = isFound ? textOf(flags.string('discovery-srv')) : '';
  const fileOf = (flag: TlsFlag) => readFileOf(flags, prefix, flag);
  const [cert, key, ca] = [fileOf('cert'), fileOf('key'), fileOf('cacert')];
  const given = cert ?? key ?? ca;
  const wanted = given !== undefined || serverName !== '' || !flags.bool(`${prefix}insecure-transport`);
  if (!wanted && !insecureSkipVerify) return { options: undefined, skipsOnly: false };
  const options = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === '' ? {} : { serverName }),
    insecureSkipVerify,
  };
  return { options, skipsOnly: !wanted };
}

/**
 * The same options, with the files themselves where they can be read again: connections that are made later are made with
 * what is in them by then, for commands that go on for as long as certificates are renewed.
 */
export function withFiles(
  { ca, cert, key, ...others }: ReadTlsOptions,
  flags: Flags,
  prefix: ClusterPrefix = '',
): TlsOptions {
  const sourceOf = (bytes: Uint8Array | undefined, flag: TlsFlag) =>
    bytes && (rereadable(flags.string(`${prefix}${flag}`)) ?? bytes);
  const sources = { ca: sourceOf(ca, 'cacert'), cert: sourceOf(cert, 'cert'), key: sourceOf(key, 'key') };
  return {
    ...others,
    ...(sources.ca && { ca: sources.ca }),
    ...(sources.cert && { cert: sources.cert }),
    ...(sources.key && { key: sources.key }),
  };
}

/** Undefined for a pipe, such as the shell makes of `<(…)`, and for a name that text cannot say. */
function rereadable(file: ByteString): PemFile | undefined {
  const path = textOf(file);
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  return isFile && bytesOfText(path) === file ? { file: path } : undefined;
}

/** What a user is told of files that no connection can be made with. */
export function tlsProblem(
  code: TlsOptionsErrorCode,
  reason: string,
  flags: Flags,
  prefix: ClusterPrefix = '',
): ExitError {
  const fileProblem = (flag: TlsFlag, text: string) => problemOfFile(flags, prefix, flag, text);
  switch (code) {
    case 'CLIENT_TLS_CA': {
      // etcdctl trusts nobody then, and ends with this code when time is up.
      const isText = reason.startsWith('it has no certificate');
      return new ExitError(isText ? 'error' : 'badArguments', fileProblem('cacert', reason));
    }
    case 'CLIENT_TLS_CERT':
      return new ExitError('badArguments', fileProblem('cert', reason));
    case 'CLIENT_TLS_KEY':
      return new ExitError('badArguments', fileProblem('key', reason));
    case 'CLIENT_TLS_PAIR':
      return new ExitError('badArguments', pairProblem(flags, prefix));
  }
}

function pairProblem(flags: Flags, prefix: ClusterPrefix): ByteString {
  const [cert, key] = [`${prefix}cert`, `${prefix}key`];
  const [certFile, keyFile] = [flags.string(cert), flags.string(key)];
  if (keyFile === '') return `--${cert} ${certFile} is given without --${key}: give both, or none of them`;
  if (certFile === '') return `--${key} ${keyFile} is given without --${cert}: give both, or none of them`;
  const remedy = 'give the key that the certificate was made with';
  return `--${key} ${keyFile} is not the key of --${cert} ${certFile}: ${remedy}`;
}

function readFileOf(flags: Flags, prefix: ClusterPrefix, flag: TlsFlag): Uint8Array | undefined {
  const file = flags.string(`${prefix}${flag}`);
  if (file === '') return undefined;
  try {
    return readFileSync(pathOf(file));
  } catch (error) {
    const text = problemOfFile(flags, prefix, flag, `cannot be read: ${systemText(error)}`);
    throw new ExitError('badArguments', text, { cause: error });
  }
}

function problemOfFile(flags: Flags, prefix: ClusterPrefix, flag: TlsFlag, reason: string): ByteString {
  const name = `${prefix}${flag}`;
  return `--${name} ${flags.string(name)}: ${reason}; give a file in PEM form with ${tlsFiles[flag]}`;
}
