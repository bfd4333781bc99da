import { CertificateAuthority, CertificateFolder } from '@quorate/tls/testing';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gatewayTarget } from '../src/images/inside/gateway-health.ts';
import { getHealth } from '../src/images/inside/get-health.ts';
import { argumentsOf } from '../src/images/inside/main-process.ts';
import { memberDefaults } from '../src/images/inside/member-defaults.ts';
import { memberTarget } from '../src/images/inside/member-health.ts';
import { settingOf } from '../src/images/inside/told.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-images-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('a member in a container', () => {
  const hostName = 'c0ffee';
  const onVolume = { ETCD_DATA_DIR: '/var/lib/quorate/data' };

  test('serves clients from outside and keeps data on the volume where nobody says otherwise', () => {
    expect(memberDefaults({ args: [], env: {}, hostName })).toEqual({
      ...onVolume,
      ETCD_LISTEN_CLIENT_URLS: 'http://0.0.0.0:2379',
      ETCD_ADVERTISE_CLIENT_URLS: 'http://c0ffee:2379',
    });
  });

  test('serves nobody in the clear once it has a certificate', () => {
    const urls = {
      ETCD_LISTEN_CLIENT_URLS: 'https://0.0.0.0:2379',
      ETCD_ADVERTISE_CLIENT_URLS: 'https://c0ffee:2379',
    };
    for (const told of [
      { args: ['--cert-file=/tls/a.crt', '--key-file=/tls/a.key'], env: {} },
      { args: ['-cert-file', '/tls/a.crt'], env: {} },
      { args: ['--auto-tls'], env: {} },
      { args: ['--auto-tls', '--name=a'], env: {} },
      { args: [], env: { ETCD_CERT_FILE: '/tls/a.crt' } },
      { args: [], env: { ETCD_AUTO_TLS: 'true' } },
    ]) {
      expect(memberDefaults({ ...told, hostName })).toMatchObject(urls);
    }
    const env = { ETCD_AUTO_TLS: 'false', ETCD_CERT_FILE: '' };
    expect(memberDefaults({ args: [], env, hostName })['ETCD_LISTEN_CLIENT_URLS']).toMatch(/^http:/);
  });

  test('does what it was told: a flag and a variable for the same would be refused', () => {
    const args = ['--data-dir=/data', '--listen-client-urls', 'http://127.0.0.1:2379'];
    expect(memberDefaults({ args, env: {}, hostName })).toEqual({});
    const env = { ETCD_ADVERTISE_CLIENT_URLS: 'http://m1:2379' };
    expect(memberDefaults({ args: [], env, hostName })).toEqual({
      ...onVolume,
      ETCD_LISTEN_CLIENT_URLS: 'http://0.0.0.0:2379',
    });
    expect(memberDefaults({ args: [], env: { ETCD_CONFIG_FILE: '/etc/q.yaml' }, hostName })).toEqual({});
    expect(memberDefaults({ args: ['grpc-proxy', 'start'], env: {}, hostName })).toEqual({});
  });

  test('of a flag that is given twice the last one counts, and before that of the environment', () => {
    const env = { ETCD_NAME: 'a', ETCD_EMPTY: '' };
    expect(settingOf('name', { args: ['--name=b', '-name', 'c=d'], env }, 'ETCD_')).toBe('c=d');
    expect(settingOf('name', { args: ['--names=b'], env }, 'ETCD_')).toBe('a');
    expect(settingOf('empty', { args: [], env }, 'ETCD_')).toBeUndefined();
    expect(settingOf('name', { args: ['--name'], env }, 'ETCD_')).toBe('true');
  });
});

describe('the check of health', () => {
  test('finds what the first process was told, also below an init', () => {
    const line = (...words: string[]): string => words.map((word) => `${word}\0`).join('');
    const direct = line('/usr/local/bin/node', '/usr/local/bin/quorate', '--name', 'a');
    expect(argumentsOf('quorate', direct)).toEqual(['--name', 'a']);
    const below = line('/sbin/docker-init', '--', '/usr/local/bin/quorate', '--name=quorate');
    expect(argumentsOf('quorate', below)).toEqual(['--name=quorate']);
    expect(() => argumentsOf('quorate', line('/bin/sh'))).toThrow(
      'quorate is not the first process of this container',
    );
  });

  test('asks a member where it listens, for metrics rather than for clients', async () => {
    const listenUrl = 'http://0.0.0.0:2379';
    expect(await memberTarget({ args: [], env: {} })).toMatchObject({ listenUrl, cert: undefined });
    const metrics = { ETCD_LISTEN_METRICS_URLS: 'http://0.0.0.0:2381' };
    expect(await memberTarget({ args: [], env: metrics })).toMatchObject({
      listenUrl: 'http://0.0.0.0:2381',
    });
    const args = [
      '--listen-client-urls=https://10.0.0.1:1, http://10.0.0.2:2',
      '--cert-file',
      'c',
      '--key-file=k',
    ];
    expect(await memberTarget({ args, env: {} })).toEqual({
      listenUrl: 'https://10.0.0.1:1',
      cert: 'c',
      key: 'k',
    });
  });

  test('asks a member with a configuration file where that says, and nowhere else', async () => {
    const file = join(dir, 'quorate.yaml');
    writeFileSync(
      file,
      'listen-client-urls: http://127.0.0.1:4001\nadvertise-client-urls: http://127.0.0.1:4001\n',
    );
    const env = { ETCD_CONFIG_FILE: file, ETCD_LISTEN_METRICS_URLS: 'http://127.0.0.1:1' };
    expect(await memberTarget({ args: [], env })).toEqual({
      listenUrl: 'http://127.0.0.1:4001',
      cert: undefined,
      key: undefined,
    });
  });

  test('asks a gateway where it listens', () => {
    const env = {
      QUORATE_GATEWAY_LISTEN_URLS: 'https://0.0.0.0:2378,http://127.0.0.1:1',
      QUORATE_GATEWAY_CERT_FILE: 'c',
    };
    expect(gatewayTarget({ args: ['--key-file', 'k'], env })).toEqual({
      listenUrl: 'https://0.0.0.0:2378',
      cert: 'c',
      key: 'k',
    });
  });

  const portOf = (server: Server): number => (server.address() as AddressInfo).port; // A listener on a port has one.

  test('passes for a listener that says it is healthy, and fails with what another one says', async () => {
    let status = 200;
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/health' ? status : 404).end('as it is\n');
    }).listen(0);
    await once(server, 'listening');
    const listenUrl = `http://0.0.0.0:${portOf(server)}`;
    expect(await getHealth({ listenUrl })).toBe('as it is\n');
    status = 503;
    await expect(getHealth({ listenUrl })).rejects.toThrow('503: as it is');
    await new Promise((closed) => server.close(closed));
    await expect(getHealth({ listenUrl })).rejects.toThrow('ECONNREFUSED');
  });

  test("shows the listener's own certificate where clients need one, whatever name that is for", async () => {
    const authority = await CertificateAuthority.create();
    const issued = await authority.issue({ dns: ['m1.example.org'], ips: [] });
    const { cert, key } = new CertificateFolder(dir).writePair('member', issued);
    const server = createSecureServer(
      { ...issued, ca: authority.pem, requestCert: true, rejectUnauthorized: true },
      (_, response) => response.end('well'),
    ).listen(0);
    await once(server, 'listening');
    const listenUrl = `https://0.0.0.0:${portOf(server)}`;
    expect(await getHealth({ listenUrl, cert: cert.path, key: key.path })).toBe('well');
    await expect(getHealth({ listenUrl })).rejects.toThrow();
    await new Promise((closed) => server.close(closed));
  });
});
