import {
  etcdBinFolder,
  freePorts,
  startCluster,
  startRealEtcd,
  startServer,
  type MemberPorts,
  type StartedServer,
} from '@quorate/client/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { authScripts } from './differential/auth-script.ts';
import { onlineScripts } from './differential/online-script.ts';
import { clusterScripts, scripts } from './differential/script.ts';
import { etcdctl, quoratectl, type Tool } from './differential/tools.ts';
import { Transcript, type Recorded, type Step } from './differential/transcript.ts';

/**
 * Gives the same command lines to etcdctl and to quoratectl, each with a fresh server of its own, and compares
 * stdout, the error line and the exit code, byte for byte but for addresses, lease IDs and durations.
 *
 * Both servers are real etcds, unless QUORATE_CTL_SERVER is the path of another program (or of a script for Node)
 * that takes etcd's flags: then quoratectl talks to that one, and the comparison is of the two servers, too.
 */
const candidateServer = process.env['QUORATE_CTL_SERVER'];

/** What starts the server that quoratectl talks to. */
function candidateCommand(binFolder: string): [string, ...string[]] {
  if (candidateServer === undefined) return [join(binFolder, 'etcd')];
  const isScript = /\.[cm]?[jt]s$/.test(candidateServer);
  return isScript ? [process.execPath, candidateServer] : [candidateServer];
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
    let folder: string;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'quorate-ctl-'));
    });

    afterAll(() => rm(folder, { recursive: true }));

    const allScripts = { ...scripts, ...authScripts, ...onlineScripts };
    describe.each(Object.entries(allScripts).map(([name, steps]) => ({ name, steps })))(
      '$name',
      ({ steps }) => {
        const servers: StartedServer[] = [];
        let reference: Transcript;
        let candidate: Transcript;

        beforeAll(async () => {
          const expected = await startRealEtcd(binFolder, sameIds);
          servers.push(expected);
          const actual = await startServer(candidateCommand(binFolder), sameIds);
          servers.push(actual);
          const sideOf = (tool: Tool, server: StartedServer) => ({
            tool,
            endpoints: [server.endpoint],
            folder,
          });
          reference = new Transcript(sideOf(etcdctl(binFolder), expected));
          candidate = new Transcript(sideOf(quoratectl, actual));
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

    // Both clusters run on the same ports, one after the other.
    describe.each(Object.entries(clusterScripts).map(([name, steps]) => ({ name, steps })))(
      'with three members: $name',
      ({ steps }) => {
        test('prints what etcdctl prints', async () => {
          const ports = await freePorts(3);
          const reference = { command: [join(binFolder, 'etcd')], tool: etcdctl(binFolder) } as const;
          const candidate = { command: candidateCommand(binFolder), tool: quoratectl };
          const expected = await recordCluster(steps, { ...reference, ports, folder });
          const actual = await recordCluster(steps, { ...candidate, ports, folder });
          expected.forEach((recorded, i) => expect.soft(actual[i], recorded.command).toEqual(recorded));
        });
      },
    );
  },
);

/** Runs steps against a cluster that lives as long as they take. */
async function recordCluster(
  steps: readonly Step[],
  options: {
    readonly command: readonly [string, ...string[]];
    readonly tool: Tool;
    readonly ports: readonly MemberPorts[];
    readonly folder: string;
  },
): Promise<Recorded[]> {
  const { command, tool, ports, folder } = options;
  // Members may be added right after the start, when none has been connected for long.
  const extraArguments = ['--strict-reconfig-check=false'];
  await using cluster = await startCluster(command, { ports, extraArguments });
  const transcript = new Transcript({ tool, endpoints: cluster.endpoints, folder });
  await transcript.begin();
  const recorded: Recorded[] = [];
  for (const step of steps) recorded.push(await transcript.run(step));
  return recorded;
}
