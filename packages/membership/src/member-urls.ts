import { compareText } from './ids.ts';
import { MemberBadUrlsError } from './errors.ts';

/**
 * Peer or client URLs as etcd accepts them, sorted: scheme http, https, unix or unixs; for the first two a host
 * and a port, and no path.
 *
 * @throws MemberBadUrlsError with etcd's text
 */
export function parseMemberUrls(texts: readonly string[]): string[] {
  if (texts.length === 0) throw new MemberBadUrlsError('no valid URLs given');
  return texts.map((text) => parseMemberUrl(text.trim())).sort(compareText);
}

function parseMemberUrl(text: string): string {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1] ?? '';
  checkEscapes(text);
  switch (scheme.toLowerCase()) {
    case 'http':
    case 'https':
      checkHostPort(text, text.slice(scheme.length + 1));
      break;
    case 'unix':
    case 'unixs':
      break;
    default:
      throw new MemberBadUrlsError(`URL scheme must be http, https, unix, or unixs: ${text}`);
  }
  return scheme.toLowerCase() + text.slice(scheme.length);
}

/** What follows the scheme of a URL (RFC 3986, section 3): authority, path, query, fragment. */
const afterScheme = /^(?:\/\/([^/?#]*))?([^?#]*)(?:\?[^#]*)?(?:#.*)?$/;
/** A host, in brackets when it has colons, and a port that may be empty. */
const hostPort = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:]*)$/;

function checkHostPort(text: string, rest: string): void {
  const [, authority = '', path = ''] = afterScheme.exec(rest) ?? [];
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  const port = /:([^:\]]*)$/.exec(host)?.[1] ?? '';
  if (!/^\d*$/.test(port)) {
    throw new MemberBadUrlsError(
      `parse ${JSON.stringify(text)}: invalid port ${JSON.stringify(`:${port}`)} after host`,
    );
  }
  if (!hostPort.test(host)) {
    throw new MemberBadUrlsError(`URL address does not have the form "host:port": ${text}`);
  }
  if (path !== '') throw new MemberBadUrlsError(`URL must not contain a path: ${text}`);
}

function checkEscapes(text: string): void {
  const escape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(text)?.[0];
  if (escape !== undefined) {
    throw new MemberBadUrlsError(
      `parse ${JSON.stringify(text)}: invalid URL escape ${JSON.stringify(escape)}`,
    );
  }
  if ([...text].some((char) => char < ' ' || char === '\x7f')) {
    throw new MemberBadUrlsError(`parse ${JSON.stringify(text)}: net/url: invalid control character in URL`);
  }
}
