import { etcdBinFolder } from '@quorate/client/testing';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { flagsOf } from '../src/commands/flag-set.ts';
import { gatewayFlags } from '../src/commands/gateway-flags.ts';
import { grpcProxyFlags } from '../src/commands/grpc-proxy-flags.ts';

const bin = join(import.meta.dirname, '../bin/quorate.js');

/** Runs a program to its end; one that does not come to an end is stopped. */
function run(
  file: string,
  args: readonly string[],
): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve) => {
    execFile(file, args, { timeout: 60_000 }, (error, stdout, stderr) => {
      // Whatever a process ends with that is not 0 comes as an error with that code.
      resolve({ code: error === null ? 0 : Number(error.code ?? NaN), text: stdout + stderr });
    });
  });
}

/** Arguments that both refuse, or answer, without serving anything. */
const commandLines = [
  'gateway',
  'gateway --help',
  'gateway strat',
  'gateway --nope=1 start',
  'gateway --retry-delay=soon start',
  'gateway start --help',
  'gateway start --nope',
  'gateway start --help --nope',
  'gateway start --retry-delay=soon',
  'gateway start --insecure-discovery=yes',
  'gateway start --listen-addr',
  'gateway start --listen-addr=bad',
  'gateway start --endpoints=',
  'gateway start --endpoints=a',
  'gateway start --endpoints=127.0.0.1:23790',
  'grpc-proxy',
  'grpc-proxy start --help',
  'grpc-proxy start --max-concurrent-streams=-1',
  'grpc-proxy start --resolver-prefix=p',
  'grpc-proxy start --resolver-ttl=5',
  'grpc-proxy start --tls-min-version=TLS1.1',
  'grpc-proxy start --tls-min-version=TLS1.3 --tls-max-version=TLS1.2',
  'grpc-proxy start --auto-tls --self-signed-cert-validity=0',
  'somewhere',
  '--nope',
  '--name',
  '--heartbeat-interval=soon',
  '--heartbeat-interval=0',
  '--initial-cluster-state=old',
  '--listen-client-urls=nowhere',
  '--config-file=/nowhere/at/all',
];

test.skipIf(etcdBinFolder === undefined).each(commandLines)('"%s" ends as with etcd', async (line) => {
  const args = line.split(' ');
  const [ours, real] = await Promise.all([
    run(process.execPath, [bin, ...args]),
    run(join(etcdBinFolder ?? '', 'etcd'), args),
  ]);
  expect(ours.code).toBe(real.code);
  expect(ours.text).not.toBe('');
});

describe.skipIf(etcdBinFolder === undefined).each([
  ['gateway', flagsOf(gatewayFlags.schema)],
  ['grpc-proxy', flagsOf(grpcProxyFlags.schema)],
] as const)('%s start', (command, flags) => {
  test('knows every flag that the help of etcd names, and says the same default', async () => {
    const { text } = await run(join(etcdBinFolder ?? '', 'etcd'), [command, 'start', '--help']);
    const real = [...text.matchAll(/^ +(?:-h, )?--([a-z0-9-]+) (.*)$/gm)].map(([, flag = '', rest = '']) => ({
      flag,
      // What the flag package itself adds is behind what people wrote, who got some wrong.
      preset: /.*\(default "?\[?(.*?)\]?"?\)$/.exec(rest)?.[1],
    }));
    expect(real.length).toBeGreaterThan(5);
    for (const { flag, preset } of real) {
      if (flag === 'help') continue;
      const ours = flags.find((known) => known.flag === flag);
      expect(ours, `--${flag}`).toBeDefined();
      // Fewer calls of one connection are allowed here, as at a member; a number behind seconds has its unit.
      if (preset === undefined || flag === 'max-concurrent-streams') continue;
      expect(ours?.defaultText, `--${flag}`).toBe(preset);
    }
  });
});
