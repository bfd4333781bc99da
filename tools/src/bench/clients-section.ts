import { etcdBin, type MemberProcess } from '@quorate/e2e';
import { invariant } from '@quorate/std';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sharedLoad, warmUpOf, withSides, type BenchRun } from './bench-run.ts';
import { perSecondOf, prepare } from './calls-section.ts';
import { callOnce } from './call-once.ts';
import { getRequests, probeRequest, putPath, putRequests, rangePath } from './kv-requests.ts';
import { prefixes, singleKeySize } from './dataset.ts';
import { stockClients, type StockClient } from './load-job.ts';
import { inTurns, spreadOf } from './measure.ts';
import { cpuMsOf } from './proc.ts';
import { parseH2load, runProgram } from './programs.ts';
import { revisionOf } from './reply-fields.ts';
import { sideNames, type ClientRow, type ClientsResult, type ClientSide, type SideName } from './results.ts';

/** One measurement through one client. */
interface ClientMeasurement {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly clientMicros: number;
}

/** A client, what it does, and how that is measured. */
interface ClientPlan {
  readonly client: string;
  readonly operation: string;
  readonly measure: (member: MemberProcess, repetition: number) => Promise<ClientMeasurement>;
}

const operations = ['put', 'linearizable get'] as const;
type Operation = (typeof operations)[number];

/** So many that h2load is at it for more than a second. */
const h2loadRequests = 60_000;
const h2loadQuickRequests = 2000;

/** What `etcdctl check datascale --load=s` puts. */
const datascalePuts = 10_000;

/** The same calls through clients that anybody can get. */
export async function runClientsSection(run: BenchRun, isQuick: boolean): Promise<ClientsResult> {
  const dir = join(run.dir, 'clients');
  await mkdir(dir);
  const missing: string[] = [];
  const plans = [
    ...(await h2loadPlans({ dir, requests: isQuick ? h2loadQuickRequests : h2loadRequests, missing })),
    ...stockClients.flatMap((client) => operations.map((operation) => stockPlan(run, client, operation))),
    ...etcdctlPlans(missing),
  ];
  const rows = await withSides(run, sideNames, { dir, placement: 'shared' }, async (members) => {
    for (const member of members.values()) await prepare(sharedLoad(run), member);
    const measured: ClientRow[] = [];
    for (const plan of plans) {
      run.progress(`${plan.operation} through ${plan.client}`);
      const results = await inTurns(run, sideNames, {
        measure: (side: SideName, repetition) => plan.measure(members.get(side)!, repetition),
        figure: ({ perSecond }) => perSecond,
      });
      const { client, operation } = plan;
      const sides = { quorate: sideOf(results.get('quorate')), etcd: sideOf(results.get('etcd')) };
      measured.push({ client, operation, sides });
    }
    return measured;
  });
  return { rows, missing };
}

function sideOf(results: readonly ClientMeasurement[] = []): ClientSide {
  return {
    perSecond: spreadOf(results.map(({ perSecond }) => perSecond)),
    cpuMicros: spreadOf(results.map(({ cpuMicros }) => cpuMicros)),
    clientMicros: spreadOf(results.map(({ clientMicros }) => clientMicros)),
  };
}

function stockPlan(run: BenchRun, client: StockClient, operation: Operation): ClientPlan {
  const { measureMs } = run;
  return {
    ...{ client, operation },
    measure: async ({ endpoint, pid }, repetition) => {
      const result = await sharedLoad(run).run({
        ...{ kind: 'client', client, workload: operation, endpoint, serverPids: [pid] },
        ...{ connections: 10, inFlight: 100, warmUpMs: warmUpOf(run, repetition), measureMs },
      });
      const { operations: count, serverCpuMs, generatorCpuMs } = result;
      return {
        perSecond: perSecondOf(result),
        cpuMicros: (1000 * serverCpuMs) / count,
        clientMicros: (1000 * generatorCpuMs) / count,
      };
    },
  };
}

/** nghttp2's load generator: the same request over and over, ten connections with ten streams each. */
async function h2loadPlans(options: {
  readonly dir: string;
  readonly requests: number;
  readonly missing: string[];
}): Promise<ClientPlan[]> {
  const { dir, requests, missing } = options;
  if (spawnSync('h2load', ['--version']).status !== 0) {
    missing.push('h2load is not installed here (Debian has it in nghttp2-client)');
    return [];
  }
  const bodies = { put: putRequests()[0]!, 'linearizable get': getRequests({ serializable: false })[0]! };
  const plans: ClientPlan[] = [];
  for (const operation of operations) {
    const file = join(dir, operation === 'put' ? 'put' : 'get');
    await writeFile(file, grpcFrame(bodies[operation]));
    const path = operation === 'put' ? putPath : rangePath;
    const load = (endpoint: string) =>
      runProgram('h2load', [
        ...['-n', String(requests), '-c', '10', '-m', '10', '-t', '1', '-d', file],
        ...['-H', 'content-type: application/grpc', '-H', 'te: trailers', `http://${endpoint}${path}`],
      ]);
    const measure = (member: MemberProcess): Promise<ClientMeasurement> =>
      costOf(member, {
        puts: operation === 'put' ? requests : 0,
        work: async () => {
          const { output, cpuMs } = await load(member.endpoint);
          return { ...parseH2load(output), cpuMs };
        },
      });
    plans.push({ client: 'h2load', operation, measure });
  }
  return plans;
}

/** etcd's own client for Go, as Debian has it in etcd-client and etcd's releases beside the server. */
function etcdctlPlans(missing: string[]): ClientPlan[] {
  const program = join(etcdBin ?? '', 'etcdctl');
  if (!existsSync(program)) {
    missing.push('there is no etcdctl beside that etcd');
    return [];
  }
  const measure = (member: MemberProcess): Promise<ClientMeasurement> =>
    costOf(member, {
      puts: datascalePuts,
      work: async () => {
        const args = [`--endpoints=${member.endpoint}`, 'check', 'datascale', '--load=s'];
        const { seconds, cpuMs } = await runProgram(program, args);
        return { perSecond: datascalePuts / seconds, succeeded: datascalePuts, cpuMs };
      },
    });
  return [{ client: 'etcdctl check datascale', operation: 'put of 1 KiB, 50 clients', measure }];
}

/** What some work costs a member. The revision tells whether all of its puts were made. */
async function costOf(
  { endpoint, pid }: MemberProcess,
  options: {
    readonly puts: number;
    readonly work: () => Promise<{ perSecond: number; succeeded: number; cpuMs: number }>;
  },
): Promise<ClientMeasurement> {
  const before = await revisionAt(endpoint);
  const cpuBefore = cpuMsOf(pid);
  const { perSecond, succeeded, cpuMs } = await options.work();
  const spentMs = cpuMsOf(pid) - cpuBefore;
  invariant((await revisionAt(endpoint)) >= before + options.puts, 'every put has a revision of its own');
  return { perSecond, cpuMicros: (1000 * spentMs) / succeeded, clientMicros: (1000 * cpuMs) / succeeded };
}

async function revisionAt(endpoint: string): Promise<number> {
  const request = probeRequest({ prefix: prefixes.single, index: 0, keySize: singleKeySize });
  return revisionOf(await callOnce({ endpoint, path: rangePath, request }));
}

/** A message as gRPC sends it: not compressed, and its length before it. */
function grpcFrame(message: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}
