import { expect, test } from 'vitest';
import { discoverClients, type SrvRecord } from '../src/index.ts';

/** DNS that knows these records by the name of their service, and nothing else. */
function dnsOf(services: Readonly<Record<string, readonly SrvRecord[]>>) {
  return {
    resolveSrv: async (service: string): Promise<readonly SrvRecord[]> => {
      const records = services[service];
      if (records === undefined) throw new Error(`querySrv ENOTFOUND ${service}`);
      return records;
    },
  };
}

const record = (name: string, port = 2379, fields: Partial<SrvRecord> = {}): SrvRecord => ({
  name,
  port,
  priority: 0,
  weight: 0,
  ...fields,
});

test('members with TLS come first, each kind by priority and weight', async () => {
  const resolver = dnsOf({
    '_etcd-client-ssl._tcp.example.com': [
      record('c.example.com.', 2379, { priority: 5 }),
      record('a.example.com', 2379, { weight: 1 }),
      record('b.example.com', 2379, { weight: 9 }),
    ],
    '_etcd-client._tcp.example.com': [record('d.example.com', 2380)],
  });
  const found = await discoverClients({ resolver, domain: 'example.com' });
  expect(found.map(({ scheme, host, port }) => `${scheme}://${host}:${port}`)).toEqual([
    'https://b.example.com:2379',
    'https://a.example.com:2379',
    'https://c.example.com:2379',
    'http://d.example.com:2380',
  ]);
  expect(found[2]).toMatchObject({ priority: 5, weight: 0 });
});

test('the name of a service tells clusters of one domain apart', async () => {
  const resolver = dnsOf({ '_etcd-client-blue._tcp.example.com': [record('a.example.com')] });
  const options = { resolver, domain: 'example.com', serviceName: 'blue' };
  expect(await discoverClients(options)).toMatchObject([{ scheme: 'http', host: 'a.example.com' }]);
});

test('a member that stands in both kinds of records counts once, with TLS', async () => {
  const records = [record('a.example.com')];
  const resolver = dnsOf({
    '_etcd-client-ssl._tcp.example.com': records,
    '_etcd-client._tcp.example.com': records,
  });
  expect(await discoverClients({ resolver, domain: 'example.com' })).toMatchObject([{ scheme: 'https' }]);
});

test('a record that names no address is left out, and somebody is told', async () => {
  const skipped: string[] = [];
  const resolver = dnsOf({
    '_etcd-client._tcp.example.com': [record('a/../b'), record('ok.example.com'), record('c', 0)],
  });
  const onSkipped = (reason: string) => skipped.push(reason);
  const found = await discoverClients({ resolver, domain: 'example.com', onSkipped });
  expect(found).toMatchObject([{ host: 'ok.example.com' }]);
  expect(skipped).toEqual([
    '_etcd-client-ssl._tcp.example.com: querySrv ENOTFOUND _etcd-client-ssl._tcp.example.com',
    '_etcd-client._tcp.example.com: "a/../b" with port 2379 is no address',
    '_etcd-client._tcp.example.com: "c" with port 0 is no address',
  ]);
});

test('a domain without records is an error that says what was asked', async () => {
  await expect(discoverClients({ resolver: dnsOf({}), domain: 'example.com' })).rejects.toMatchObject({
    code: 'DISCOVERY_NO_RECORDS',
    message:
      'dns lookup errors: _etcd-client-ssl._tcp.example.com: querySrv ENOTFOUND _etcd-client-ssl._tcp.example.com and ' +
      '_etcd-client._tcp.example.com: querySrv ENOTFOUND _etcd-client._tcp.example.com',
  });
});
