import { readFileSync } from 'node:fs';
import type { TlsOptions, TlsOptionsErrorCode } from '@quorate/client';
import { textOf, type ByteString } from '../byte-string.ts';
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

/** Refuses flags that are given without a file. @throws ExitError */
export function refuseEmptyFiles(flags: Flags): void {
  for (const flag of ['cert', 'key', 'cacert']) {
    if (!flags.isSet(flag) || flags.string(flag) !== '') continue;
    throw new ExitError('badArguments', `empty string is passed to --${flag} option`);
  }
}

/** How much the flags say of TLS. */
export interface TlsFlags {
  /** Undefined when they ask for none. */
  readonly options: TlsOptions | undefined;
  /** Nothing but `--insecure-skip-tls-verify`, which turns TLS on for nobody: it is about `https://` endpoints. */
  readonly skipsOnly: boolean;
}

/** Reads the files of `--cacert`, `--cert` and `--key`. @throws ExitError */
export function tlsFlags(flags: Flags): TlsFlags {
  const insecureSkipVerify = flags.bool('insecure-skip-tls-verify');
  const serverName = flags.bool('insecure-discovery') ? '' : textOf(flags.string('discovery-srv'));
  const [cert, key, ca] = [fileOf(flags, 'cert'), fileOf(flags, 'key'), fileOf(flags, 'cacert')];
  const given = cert ?? key ?? ca;
  const wanted = given !== undefined || serverName !== '' || !flags.bool('insecure-transport');
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

/** What a user is told of files that no connection can be made with. */
export function tlsProblem(code: TlsOptionsErrorCode, reason: string, flags: Flags): ExitError {
  const [cert, key] = [flags.string('cert'), flags.string('key')];
  switch (code) {
    case 'CLIENT_TLS_CA': {
      // etcdctl trusts nobody then, and ends with this code when time is up.
      const isText = reason.startsWith('it has no certificate');
      return new ExitError(isText ? 'error' : 'badArguments', fileProblem('cacert', reason, flags));
    }
    case 'CLIENT_TLS_CERT':
      return new ExitError('badArguments', fileProblem('cert', reason, flags));
    case 'CLIENT_TLS_KEY':
      return new ExitError('badArguments', fileProblem('key', reason, flags));
    case 'CLIENT_TLS_PAIR':
      return new ExitError('badArguments', pairProblem({ cert, key }));
  }
}

function pairProblem({ cert, key }: { readonly cert: ByteString; readonly key: ByteString }): ByteString {
  if (key === '') return `--cert ${cert} is given without --key: give both, or none of them`;
  if (cert === '') return `--key ${key} is given without --cert: give both, or none of them`;
  return `--key ${key} is not the key of --cert ${cert}: give the key that the certificate was made with`;
}

function fileOf(flags: Flags, flag: TlsFlag): Uint8Array | undefined {
  const file = flags.string(flag);
  if (file === '') return undefined;
  try {
    return readFileSync(pathOf(file));
  } catch (error) {
    const text = fileProblem(flag, `cannot be read: ${systemText(error)}`, flags);
    throw new ExitError('badArguments', text, { cause: error });
  }
}

function fileProblem(flag: TlsFlag, reason: string, flags: Flags): ByteString {
  return `--${flag} ${flags.string(flag)}: ${reason}; give a file in PEM form with ${tlsFiles[flag]}`;
}
