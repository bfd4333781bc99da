import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkInitialCluster,
  formatInitialCluster,
  InitialClusterError,
  initialMembers,
  MemberBadUrlsError,
  parseInitialCluster,
  parseMemberUrls,
} from '../src/index.ts';
import { idToHex } from '@quorate/std';

describe('--initial-cluster', () => {
  test('names members and their peer URLs', () => {
    expect(parseInitialCluster('b=http://10.0.0.2:2380,a=https://a.example:2380')).toEqual([
      { name: 'b', peerUrls: ['http://10.0.0.2:2380'] },
      { name: 'a', peerUrls: ['https://a.example:2380'] },
    ]);
  });

  test('repeats a name that has several URLs; they are kept sorted', () => {
    expect(parseInitialCluster('a=http://b:1,c=http://c:1,a=http://a:1,')).toEqual([
      { name: 'a', peerUrls: ['http://a:1', 'http://b:1'] },
      { name: 'c', peerUrls: ['http://c:1'] },
    ]);
  });

  test('takes unix sockets, IPv6 addresses, and "=" in what follows the first one', () => {
    expect(parseInitialCluster('a=unix://localhost:m1,b=http://[::1]:2380,c=http://c:1?x=y')).toEqual([
      { name: 'a', peerUrls: ['unix://localhost:m1'] },
      { name: 'b', peerUrls: ['http://[::1]:2380'] },
      { name: 'c', peerUrls: ['http://c:1?x=y'] },
    ]);
  });

  test('of nothing has no members', () => {
    expect(parseInitialCluster('')).toEqual([]);
  });

  // The texts were seen at a real etcd 3.5.
  test.each([
    ['a', 'URL scheme must be http, https, unix, or unixs: '],
    ['a=ftp://x:1', 'URL scheme must be http, https, unix, or unixs: ftp://x:1'],
    ['a=http://127.0.0.1', 'URL address does not have the form "host:port": http://127.0.0.1'],
    ['a=http://::1:2380', 'URL address does not have the form "host:port": http://::1:2380'],
    ['a=http://127.0.0.1:1/foo', 'URL must not contain a path: http://127.0.0.1:1/foo'],
    ['a=http://127.0.0.1:1/', 'URL must not contain a path: http://127.0.0.1:1/'],
    ['a=http://127.0.0.1:x', 'parse "http://127.0.0.1:x": invalid port ":x" after host'],
    ['a=http://%zz:1', 'parse "http://%zz:1": invalid URL escape "%zz"'],
    ['a=http://a\nb:1', 'parse "http://a\\nb:1": net/url: invalid control character in URL'],
  ])('of %j is refused', (text, message) => {
    expect(() => parseInitialCluster(text)).toThrow(
      new InitialClusterError(`error setting up initial cluster: ${message}`),
    );
  });

  test('is read back from its printed form', () => {
    const name = fc.stringMatching(/^[a-z]{1,5}$/);
    const url = fc.nat(65535).map((port) => `http://10.0.0.1:${port}`);
    const cluster = fc.uniqueArray(fc.record({ name, peerUrls: fc.uniqueArray(url, { minLength: 1 }) }), {
      selector: (member) => member.name,
    });
    fc.assert(
      fc.property(cluster, (members) => {
        const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
        const sorted = members.map((member) => ({ ...member, peerUrls: member.peerUrls.toSorted() }));
        expect(parseInitialCluster(formatInitialCluster(members)).sort(byName)).toEqual(sorted.sort(byName));
      }),
    );
  });
});

describe('a new member starts', () => {
  const members = parseInitialCluster('a=http://a:1,b=http://b:1');

  test('when the cluster lists it with the URLs that it advertises', () => {
    checkInitialCluster({ members, name: 'a', advertisePeerUrls: ['http://a:1'] });
  });

  test('not when the cluster does not list it', () => {
    expect(() => checkInitialCluster({ members, name: 'c', advertisePeerUrls: ['http://a:1'] })).toThrow(
      `couldn't find local name "c" in the initial cluster configuration`,
    );
  });

  test('not when it advertises other URLs, fewer, or more', () => {
    const check =
      (...advertisePeerUrls: string[]) =>
      () =>
        checkInitialCluster({ members, name: 'a', advertisePeerUrls });
    expect(check('http://c:1')).toThrow(
      '--initial-cluster has a=http://a:1 but missing from --initial-advertise-peer-urls=http://c:1',
    );
    expect(check('http://a:1', 'http://c:1')).toThrow(
      '--initial-advertise-peer-urls has http://c:1 but missing from --initial-cluster=a=http://a:1',
    );
  });

  test('not when two members have one URL', () => {
    const doubled = parseInitialCluster('b=http://a:1,a=http://a:1');
    expect(() =>
      checkInitialCluster({ members: doubled, name: 'a', advertisePeerUrls: ['http://a:1'] }),
    ).toThrow('initial cluster a=http://a:1,b=http://a:1 has duplicate url');
    expect(() => initialMembers(doubled, 'etcd-cluster')).toThrow(InitialClusterError);
  });
});

test('the first members come with their IDs, in the order of those', () => {
  const text = 'x=http://127.0.0.1:22380,y=http://127.0.0.1:12380,z=http://127.0.0.1:32380';
  const members = initialMembers(parseInitialCluster(text), 'etcd-cluster');
  expect(members.map(({ id }) => idToHex(id))).toEqual([
    '628170c800dbcee',
    '9e737febb6b99eee',
    'ddd67b312462fd7b',
  ]);
});

test('member URLs are trimmed, sorted, and their scheme is lower-case', () => {
  expect(parseMemberUrls([' http://b:1 ', 'HTTP://a:1'])).toEqual(['http://a:1', 'http://b:1']);
  expect(() => parseMemberUrls([])).toThrow(new MemberBadUrlsError('no valid URLs given'));
});
