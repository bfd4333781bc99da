import { expect, test } from 'vitest';
import { gatewayConfigOf, memberConfigOf, textOf } from './deploy-files.ts';

/** `NAME=value` lines, as systemd reads them. */
function variablesIn(text: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(/^#? *((?:ETCD|QUORATE)_\w+)=(\S+)$/gm))
    variables[name] = value;
  return variables;
}

test('the settings that deploy/README.md shows are understood, and lie where the unit lets a member write', () => {
  const config = memberConfigOf(variablesIn(textOf('deploy/README.md')));
  expect(config).toMatchObject({ name: 'm1', dataDir: '/var/lib/quorate/data', peerClientCertAuth: true });
  expect(config.initialCluster).toContain(`m1=${config.initialAdvertisePeerUrls[0]}`);
  const unit = textOf('deploy/systemd/quorate.service');
  expect(unit).toMatch(/^ProtectSystem=strict$/m);
  expect(unit).toMatch(/^StateDirectory=quorate$/m);
  expect(unit).toMatch(/^EnvironmentFile=\/etc\/quorate\/quorate\.env$/m);
});

test('the settings that the units themselves show are understood', () => {
  const member = variablesIn(textOf('deploy/systemd/quorate.service'));
  expect(Object.keys(member)).toContain('ETCD_LISTEN_CLIENT_URLS');
  const tls = { ETCD_CERT_FILE: '/c', ETCD_KEY_FILE: '/k', ETCD_ADVERTISE_CLIENT_URLS: 'https://m1:2379' };
  expect(memberConfigOf({ ...member, ...tls }).name).toBe('m1');
  const gateway = variablesIn(textOf('deploy/systemd/quorate-gateway.service'));
  const files = { QUORATE_GATEWAY_CERT_FILE: '/c', QUORATE_GATEWAY_KEY_FILE: '/k' };
  expect(gatewayConfigOf({ ...gateway, ...files }).endpoints).toHaveLength(3);
});
