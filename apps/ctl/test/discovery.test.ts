import { expect, test } from 'vitest';
import { discoverEndpoints, type ServiceRecord } from '../src/cli/discovery.ts';

const known: Readonly<Record<string, readonly ServiceRecord[]>> = {
  '_etcd-client-ssl._tcp.one': [{ name: 'a.one', port: 2379 }],
  '_etcd-client._tcp.one': [{ name: 'b.one', port: 2380 }],
  '_etcd-client-blue._tcp.two': [{ name: 'c.two', port: 1 }],
};

async function resolve(question: string): Promise<readonly ServiceRecord[]> {
  const records = known[question];
  if (records === undefined) throw new Error(`querySrv ENOTFOUND ${question}`);
  return records;
}

test('endpoints with TLS come first, and those without only when they may', async () => {
  const options = { domain: 'one', serviceName: '', insecure: true };
  expect(await discoverEndpoints(options, resolve)).toEqual(['https://a.one:2379', 'http://b.one:2380']);
  expect(await discoverEndpoints({ ...options, insecure: false }, resolve)).toEqual(['https://a.one:2379']);
});

test('a service name tells the clusters of a domain apart', async () => {
  const options = { domain: 'two', serviceName: 'blue', insecure: true };
  expect(await discoverEndpoints(options, resolve)).toEqual(['http://c.two:1']);
  await expect(discoverEndpoints({ ...options, serviceName: '' }, resolve)).rejects.toThrow(
    'no endpoints of two are in DNS: querySrv ENOTFOUND _etcd-client._tcp.two',
  );
});
