import { etcdBinFolder, startRealEtcd, type StartedServer } from '@quorate/client/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { scripts } from './differential/script.ts';
import { etcdctl, quoratectl } from './differential/tools.ts';
import { Transcript } from './differential/transcript.ts';

/**
 * Gives the same command lines to etcdctl and to quoratectl, each with a fresh server of its own, and compares
 * stdout, the error line and the exit code, byte for byte but for IDs, addresses and durations.
 *
 * Set QUORATE_CTL_ENDPOINTS to `host:port` of a fresh server to put under quoratectl in the place of a real etcd:
 * several, separated by commas, for the scripts in their order.
 */
const givenEndpoints = (process.env['QUORATE_CTL_ENDPOINTS'] ?? '').split(',').filter((text) => text !== '');

// Far more than any script takes; for machines that are busy.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 });

/** Members and clusters get their IDs from this address, so that those of both servers are the same. */
const peerUrl = 'http://127.0.0.1:65535';
const sameIds = ['--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `n1=${peerUrl}`];

describe.skipIf(etcdBinFolder === undefined)(
  'side by side with etcdctl (set QUORATE_ETCD_BIN to run)',
  () => {
    const binFolder = etcdBinFolder ?? '';

    describe.each(Object.entries(scripts).map(([name, steps], index) => ({ name, steps, index })))(
      '$name',
      ({ steps, index }) => {
        const servers: StartedServer[] = [];
        let reference: Transcript;
        let candidate: Transcript;

        beforeAll(async () => {
          const start = async () => {
            const server = await startRealEtcd(binFolder, sameIds);
            servers.push(server);
            return server;
          };
          const given = givenEndpoints[index];
          reference = new Transcript({ tool: etcdctl(binFolder), server: await start() });
          candidate = new Transcript({
            tool: quoratectl,
            server: given === undefined ? await start() : { endpoint: given },
          });
          await reference.begin();
          await candidate.begin();
        });

        afterAll(async () => {
          for (const server of servers) await server[Symbol.asyncDispose]();
        });

        // Steps build on each other, so they are one test; each one's difference is reported.
        test('prints what etcdctl prints', async () => {
          for (const step of steps) {
            const [expected, actual] = [await reference.run(step), await candidate.run(step)];
            expect.soft(actual, expected.command).toEqual(expected);
          }
        });
      },
    );
  },
);
