import {
  etcdBinFolder,
  startRealEtcd,
  startServer,
  type StartedServer,
  type StartOptions,
} from '@quorate/client/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { scripts } from './differential/script.ts';
import { etcdctl, quoratectl } from './differential/tools.ts';
import { Transcript } from './differential/transcript.ts';

/**
 * Gives the same command lines to etcdctl and to quoratectl, each with a fresh server of its own, and compares
 * stdout, the error line and the exit code, byte for byte but for addresses, lease IDs and durations.
 *
 * Both servers are real etcds, unless QUORATE_CTL_SERVER is the path of another program (or of a script for Node)
 * that takes etcd's flags: then quoratectl talks to that one, and the comparison is of the two servers, too.
 */
const candidateServer = process.env['QUORATE_CTL_SERVER'];

function startCandidate(binFolder: string, options: StartOptions): Promise<StartedServer> {
  if (candidateServer === undefined) return startRealEtcd(binFolder, options);
  const isScript = /\.[cm]?[jt]s$/.test(candidateServer);
  return startServer(isScript ? [process.execPath, candidateServer] : [candidateServer], options);
}

// Far more than any script takes; for machines that are busy.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 });

/** Members and clusters get their IDs from this address, so that those of both servers are the same. */
const peerUrl = 'http://127.0.0.1:65535';
const sameIds = {
  extraArguments: ['--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `n1=${peerUrl}`],
};

describe.skipIf(etcdBinFolder === undefined)(
  'side by side with etcdctl (set QUORATE_ETCD_BIN to run)',
  () => {
    const binFolder = etcdBinFolder ?? '';

    describe.each(Object.entries(scripts).map(([name, steps]) => ({ name, steps })))('$name', ({ steps }) => {
      const servers: StartedServer[] = [];
      let reference: Transcript;
      let candidate: Transcript;

      beforeAll(async () => {
        const expected = await startRealEtcd(binFolder, sameIds);
        servers.push(expected);
        const actual = await startCandidate(binFolder, sameIds);
        servers.push(actual);
        reference = new Transcript({ tool: etcdctl(binFolder), server: expected });
        candidate = new Transcript({ tool: quoratectl, server: actual });
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
    });
  },
);
