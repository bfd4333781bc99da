import { parseInitialCluster } from '@quorate/membership';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { discoverBySrv, DiscoveryError, type SrvOptions } from '../src/index.ts';
import { FakeDns, type Zone } from './fake-dns.ts';

const hosts = { 'h1.x': ['10.0.0.1'], 'h2.x': ['10.0.0.2'], 'h3.x': ['10.0.0.3'] };
const plain = '_etcd-server._tcp.x';
const secure = '_etcd-server-ssl._tcp.x';

const discover = (zone: Zone, options: Partial<SrvOptions> = {}) =>
  discoverBySrv({
    resolver: new FakeDns({ hosts, ...zone }),
    domain: 'x',
    name: 'me',
    advertisePeerUrls: ['http://10.0.0.2:2380'],
    ...options,
  });

const three = ['h1.x:2380', 'h2.x:2380', 'h3.x:2380'];

describe('records of a domain', () => {
  test('are the initial cluster: this member by its name, the others by numbers', async () => {
    expect(await discover({ services: { [plain]: three } })).toBe(
      '0=http://h1.x:2380,me=http://h2.x:2380,1=http://h3.x:2380',
    );
  });

  test('of both services come together, the secure ones first', async () => {
    const services = { [secure]: ['h3.x:2380'], [plain]: ['h1.x:2380', 'h2.x:2380'] };
    expect(await discover({ services })).toBe('0=https://h3.x:2380,1=http://h1.x:2380,me=http://h2.x:2380');
  });

  test('are looked for under the name of the service', async () => {
    const services = { '_etcd-server-blue._tcp.x': ['h2.x:2380'], '_etcd-server-ssl-blue._tcp.x': [] };
    expect(await discover({ services }, { serviceName: 'blue' })).toBe('me=http://h2.x:2380');
  });

  test('may end their host names with a dot', async () => {
    expect(await discover({ services: { [plain]: ['h2.x.:2380'] } })).toBe('me=http://h2.x:2380');
  });

  test('come in one order, however DNS shuffles them', async () => {
    const record = (name: string, priority: number, weight: number) => ({ name, port: 1, priority, weight });
    const records = [record('h3.x', 0, 5), record('h1.x', 1, 0), record('h2.x', 0, 9)];
    const cluster = 'me=http://h2.x:1,0=http://h3.x:1,1=http://h1.x:1';
    for (const services of [{ [plain]: records }, { [plain]: [...records].reverse() }]) {
      expect(await discover({ services }, { advertisePeerUrls: ['http://10.0.0.2:1'] })).toBe(cluster);
    }
  });

  test('that come twice count once', async () => {
    expect(await discover({ services: { [plain]: ['h2.x:1', 'h2.x:2380', 'h2.x:2380'] } })).toBe(
      '0=http://h2.x:1,me=http://h2.x:2380',
    );
  });

  test('give a member with several URLs all of them', async () => {
    const advertisePeerUrls = ['http://10.0.0.2:2380', 'http://h3.x:2380'];
    expect(await discover({ services: { [plain]: three } }, { advertisePeerUrls })).toBe(
      '0=http://h1.x:2380,me=http://h2.x:2380,me=http://h3.x:2380',
    );
  });

  test('never give another member the name of this one', async () => {
    expect(await discover({ services: { [plain]: three } }, { name: '0' })).toBe(
      '1=http://h1.x:2380,0=http://h2.x:2380,2=http://h3.x:2380',
    );
  });

  test('know this member by any of its addresses, however written', async () => {
    const advertisePeerUrls = ['http://[::ffff:10.0.0.2]:2380'];
    expect(await discover({ services: { [plain]: ['h2.x:2380'] } }, { advertisePeerUrls })).toBe(
      'me=http://h2.x:2380',
    );
    const zone = { hosts: { 'six.x': ['fd00::1'] }, services: { [plain]: ['six.x:1'] } };
    expect(await discover(zone, { advertisePeerUrls: ['http://[FD00:0:0::1]:1'] })).toBe('me=http://six.x:1');
  });
});

describe('a sentence says what is wrong', () => {
  const refusal = async (zone: Zone, options: Partial<SrvOptions> = {}): Promise<string> =>
    discover(zone, options).then(
      (text) => `found ${text}`,
      (error: DiscoveryError) => `${error.code}: ${error.message}`,
    );

  test('when neither service is there', async () => {
    expect(await refusal({})).toBe(
      'DISCOVERY_NO_RECORDS: error querying DNS SRV records for _etcd-server-ssl querySrv ENOTFOUND ' +
        '_etcd-server-ssl._tcp.x; error querying DNS SRV records for _etcd-server querySrv ENOTFOUND ' +
        '_etcd-server._tcp.x',
    );
  });

  test('when the scheme is another', async () => {
    expect(await refusal({ services: { [secure]: ['h2.x:2380'] } })).toContain(
      'bootstrap at https://h2.x:2380 from DNS for etcd-server-ssl has scheme mismatch with expected peer ' +
        'http://10.0.0.2:2380',
    );
  });

  test('when this member is in none of them', async () => {
    expect(await refusal({ services: { [plain]: ['h1.x:2380', 'h2.x:9'] } })).toBe(
      'DISCOVERY_NOT_IN_RECORDS: cannot find local etcd member "me" in SRV records of x (they name ' +
        'http://h1.x:2380, http://h2.x:9): advertise one of these by --initial-advertise-peer-urls',
    );
    const advertisePeerUrls = ['unix://socket'];
    expect(await refusal({ services: { [plain]: three } }, { advertisePeerUrls })).toMatch(
      /^DISCOVERY_NOT_IN_RECORDS/,
    );
  });

  test('when what it advertises cannot be resolved', async () => {
    expect(await refusal({ services: { [plain]: three } }, { advertisePeerUrls: ['http://gone.x:1'] })).toBe(
      'DISCOVERY_NOT_IN_RECORDS: --initial-advertise-peer-urls: cannot resolve gone.x (getaddrinfo ENOTFOUND gone.x)',
    );
  });

  test('when there are more records than any cluster has', async () => {
    const many = Array.from({ length: 101 }, (_, n) => `h${n}.x:1`);
    expect(await refusal({ services: { [plain]: many } })).toContain(
      '101 records are more than a cluster has',
    );
  });
});

test('a record that leads nowhere is left out, and why is told', async () => {
  const skipped: string[] = [];
  const services = { [plain]: ['gone.x:2380', '.:2380', 'h2.x:0', 'h2.x:70000', 'h2.x:2380'] };
  const text = await discover({ services }, { onSkipped: (reason) => void skipped.push(reason) });
  expect(text).toBe('me=http://h2.x:2380');
  expect(skipped).toEqual([
    '_etcd-server-ssl._tcp.x: querySrv ENOTFOUND _etcd-server-ssl._tcp.x',
    '_etcd-server._tcp.x: "." with port 2380 is no address',
    '_etcd-server._tcp.x: getaddrinfo ENOTFOUND gone.x',
    '_etcd-server._tcp.x: "h2.x" with port 0 is no address',
    '_etcd-server._tcp.x: "h2.x" with port 70000 is no address',
  ]);
});

test('aborting ends it with the reason', async () => {
  const aborting = new AbortController();
  const resolver = new FakeDns({ hosts });
  const resolveSrv = async (): Promise<never> => {
    aborting.abort(new Error('told to'));
    throw new Error('cancelled');
  };
  const options = { resolver: Object.assign(resolver, { resolveSrv }), signal: aborting.signal };
  await expect(discover({}, options)).rejects.toThrow('told to');
});

test('no record, whatever it holds, gets more than its URL into the initial cluster', async () => {
  const name = fc.oneof(
    fc.string(),
    fc.domain(),
    fc.constantFrom(
      'a=http://evil:1,b',
      'h/path',
      'h@evil',
      '[::1]',
      'h1.x:1,z=http://evil',
      'h1.x',
      'h1.x.',
    ),
  );
  const record = fc.record({
    name,
    port: fc.oneof(fc.integer({ min: -1, max: 70_000 }), fc.double()),
    priority: fc.nat(),
    weight: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 6 }), async (records) => {
      const resolver = new FakeDns({ services: { [plain]: [...records, 'h2.x:2380'] } });
      resolver.lookup = async (host) => [host === 'h2.x' ? '10.0.0.2' : '10.9.9.9'];
      const text = await discover({}, { resolver });
      const members = parseInitialCluster(text);
      expect(members.length).toBeLessThanOrEqual(records.length + 1);
      const known = new Set(records.map((r) => `http://${r.name.replace(/\.$/, '')}:${r.port}`));
      for (const { name: member, peerUrls } of members) {
        expect(member === 'me' || /^\d$/.test(member)).toBe(true);
        for (const url of peerUrls) expect(known.has(url) || url === 'http://h2.x:2380').toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});
