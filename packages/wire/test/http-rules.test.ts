import { electionpb, healthpb, httpRules, lockpb, rpcpb } from '../src/index.ts';
import { expect, test } from 'vitest';
import { loadWireFacts } from './support/wire-facts.ts';

test('the routes of a service are read from its definition', () => {
  expect(httpRules(rpcpb.LeaseDefinition).filter(({ rpc }) => rpc === 'LeaseRevoke')).toEqual([
    { rpc: 'LeaseRevoke', method: 'POST', path: '/v3/lease/revoke', body: '*' },
    { rpc: 'LeaseRevoke', method: 'POST', path: '/v3/kv/lease/revoke', body: '*' },
  ]);
});

test('an RPC without an annotation has no route', () => {
  expect(httpRules(rpcpb.KVDefinition).map(({ rpc }) => rpc)).not.toContain('RangeStream');
  expect(httpRules(healthpb.HealthDefinition)).toEqual([]);
});

test('the routes of all services are those of etcd', () => {
  const definitions = [
    rpcpb.KVDefinition,
    rpcpb.WatchDefinition,
    rpcpb.LeaseDefinition,
    rpcpb.ClusterDefinition,
    rpcpb.MaintenanceDefinition,
    rpcpb.AuthDefinition,
    lockpb.LockDefinition,
    electionpb.ElectionDefinition,
  ];
  const rules = definitions.flatMap((definition) =>
    httpRules(definition).map(({ method, path, body }) => `${method} ${path} ${body}`),
  );
  const facts = loadWireFacts()
    .files.flatMap(({ services = {} }) => Object.values(services))
    .flatMap((service) => Object.values(service))
    .flatMap(({ http }) => (http === undefined ? [] : [http, ...(http.additional_bindings ?? [])]))
    .map(({ method, path, body }) => `${method} ${path} ${body}`);
  expect(rules.sort()).toEqual(facts.sort());
});
