import {
  cpuTable,
  latencyTable,
  lessHead,
  lessRow,
  memoryTable,
  rateTable,
  type NamedRow,
} from './load-tables.ts';
import { figure, mebibytes, ratio, spread, table } from './markdown-table.ts';
import type { Placement } from './placement.ts';
import type {
  CallRow,
  CallsResult,
  ClientsResult,
  EtcdSetting,
  InterferenceResult,
  Measured,
  MillionResult,
  MillionSide,
  PutPhase,
  TuningResult,
} from './results.ts';

const placementTexts: Readonly<Record<Placement, string>> = {
  pinned: 'The server runs on one core, the generator on another.',
  shared: 'Server and generator share all cores.',
};

const titles: Readonly<Record<Placement, string>> = { pinned: 'server on one core', shared: 'shared cores' };

/** How the tuned etcd came about. */
export function renderTuning({ seconds, placements }: TuningResult): string {
  const [first] = placements;
  return [
    '## How etcd was tuned',
    `An etcd was started in each of these ways, and puts and linearizable gets with 100 in flight measured, once for ${figure(seconds)} s
each. The one with the highest product of both, other than as shipped, is the tuned etcd of the other tables; whatever it
turns out to be there, ratios are to the better of the two. Batches are those of the store
(\`--backend-batch-interval=1s --backend-batch-limit=100000\`).`,
    table(
      [
        'setting',
        ...placements.flatMap(({ placement }) => [`puts /s, ${placement}`, `gets /s, ${placement}`]),
      ],
      (first?.trials ?? []).map(({ setting }, at) => [
        setting.name,
        ...placements.flatMap(({ trials }) => [
          figure(trials[at]?.putsPerSecond ?? NaN),
          figure(trials[at]?.getsPerSecond ?? NaN),
        ]),
      ]),
    ),
    placements
      .map(({ placement, chosen }) => `Tuned, ${titles[placement]}: ${settingText(chosen)}.`)
      .join(' '),
  ].join('\n\n');
}

function settingText({ flags, env }: EtcdSetting): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return `\`${[...variables, ...flags].join(' ')}\``;
}

/** Calls to one member. */
export function renderCalls({ environment, result }: Measured<CallsResult>): string {
  const { seconds, placements } = result;
  const runs = placements[0]?.rows[0]?.sides.quorate.perSecond.runs ?? 0;
  return [
    '## Calls to one member',
    `At least ${runs} repetitions of ${figure(seconds)} s for each row and side, up to two more where figures lie far apart. Values have 256 bytes, keys
20; 10,000 keys. One in flight goes over one connection, 100 over ten connections with ten streams each. A guarded update is what
Kubernetes writes with: compare the modRevision, then put, else get. A list is one range of 10,000 keys with values of 1 KiB.
A watch row is one put at a time to that many watchers on ten streams over ten connections: its rate is events a second, its
latency the time from sending the put to the arrival of an event.`,
    ...placements.flatMap(({ placement, rows }) => {
      const named = rows.map(namedRow);
      const columns = ['operation', 'in flight'];
      const title = titles[placement];
      return [
        `### Rate, ${title}`,
        placementTexts[placement],
        ...rateTable(columns, named, { placement, cores: environment.cores, members: 1 }),
        `### CPU of an operation, ${title}`,
        cpuTable(columns, named),
        `### Latency, ${title}`,
        'p50 / p99 / p99.9.',
        latencyTable(columns, named),
        `### Memory, ${title}`,
        'After the row, in MiB: PSS / of it anonymous / the most that was in memory meanwhile. Rows follow one another on the same servers.',
        memoryTable(columns, named.filter(isTelling)),
      ];
    }),
  ].join('\n\n');
}

/** Rows that take memory of their own. */
function isTelling({ name: [operation] }: NamedRow): boolean {
  return operation === 'watch, events' || operation?.startsWith('list') === true;
}

const writing: readonly string[] = ['put', 'guarded update', 'watch', 'mixed 9:1'];

function namedRow({ workload, inFlight, sides, memory }: CallRow): NamedRow {
  const name =
    workload === 'watch' ? ['watch, events', `${inFlight} watchers`] : [workload, String(inFlight)];
  return { name, sides, memory, writes: writing.includes(workload) };
}

/** Many keys: to find some of them, to start with them, and to hold them. */
export function renderMillion({ environment, result }: Measured<MillionResult>): string {
  const { keys, sides, rows } = result;
  const memory = (name: string, of: (side: MillionSide) => number): string[] =>
    lessRow(name, sides, { figure: of, text: (side) => mebibytes(of(side)) });
  const named = rows.map(namedRow);
  const columns = ['operation', 'in flight'];
  return [
    '## A million keys',
    `${keys.toLocaleString('en-US')} keys of 64 bytes with values of 256, put one by one with 500 in flight over ten connections. A count is of all of them, a
page begins at any key and asks for 500 of those from there to the end, as Kubernetes reads long lists. A restart is
SIGTERM, a new process, and the time from its start to the answer to a first linearizable get (${sides.quorate.firstReadMs.runs} times, files in the page
cache). RSS counts pages of mapped files as well: etcd maps its whole database, and the kernel can drop those pages again; the
anonymous part cannot be dropped. After the load memory is read 3 s later, after a restart right after the first get.
${placementTexts.shared}`,
    '### Count and page',
    cpuTable(columns, named),
    'p50 / p99 / p99.9:',
    latencyTable(columns, named),
    rateTable(columns, named, { placement: 'shared', cores: environment.cores, members: 1 })[0],
    '### Memory and restart',
    table(lessHead, [
      memory('RSS after load', (side) => side.afterLoad.rss),
      memory('PSS after load', (side) => side.afterLoad.pss),
      memory('of it anonymous', (side) => side.afterLoad.pssAnonymous),
      memory('RSS after restart', (side) => side.afterRestart.rss),
      memory('PSS after restart', (side) => side.afterRestart.pss),
      memory('of it anonymous', (side) => side.afterRestart.pssAnonymous),
      lessRow('load, s', sides, {
        figure: ({ loadSeconds }) => loadSeconds,
        text: ({ loadSeconds }) => figure(loadSeconds),
      }),
      lessRow('stop, ms', sides, {
        figure: ({ stopMs }) => stopMs.median,
        text: ({ stopMs }) => spread(stopMs),
      }),
      lessRow('start to first get, ms', sides, {
        figure: ({ firstReadMs }) => firstReadMs.median,
        text: ({ firstReadMs }) => spread(firstReadMs),
      }),
    ]),
  ].join('\n\n');
}

/** Puts beside long lists. */
export function renderInterference(result: InterferenceResult): string {
  const { putsPerSecond, listKeys, listBytes, seconds, placements } = result;
  const quantiles: readonly (readonly [string, (phase: PutPhase) => number])[] = [
    ['p50', ({ p50Ms }) => p50Ms],
    ['p99', ({ p99Ms }) => p99Ms],
    ['p99.9', ({ p999Ms }) => p999Ms ?? NaN],
    ['max', ({ maxMs }) => maxMs],
  ];
  return [
    '## Puts while long lists are read',
    `A client puts ${putsPerSecond} times a second at a fixed pace, each latency counted from the time when the put was due, first alone and then
while another client reads a list of ${listKeys.toLocaleString('en-US')} keys, ${figure(listBytes / 1e6)} MB of values, over and over without a pause (${figure(seconds)} s, ${placements[0]?.sides.quorate.p99Ms.runs ?? 0}
times, all puts together). Who is faster at lists reads more of them.`,
    ...placements.flatMap(({ placement, sides }) => [
      `### Puts and lists, ${titles[placement]}`,
      table(lessHead, [
        ...(['quiet', 'during'] as const).flatMap((phase) =>
          quantiles.map(([name, of]) =>
            lessRow(`put ${name} ${phase === 'quiet' ? 'alone' : 'during lists'}, ms`, sides, {
              figure: (side) => of(side[phase]),
              text: (side) => figure(of(side[phase])),
            }),
          ),
        ),
        [
          'lists a second',
          spread(sides.quorate.listsPerSecond),
          spread(sides.etcd.listsPerSecond),
          sides.tuned === undefined ? '-' : spread(sides.tuned.listsPerSecond),
          '',
        ],
      ]),
    ]),
  ].join('\n\n');
}

/** Clients that anybody can get. */
export function renderClients({ rows, missing }: ClientsResult): string {
  return [
    '## Through other clients',
    `The same calls through clients that anybody can get, on shared cores: what they cost hides what the server costs.
\`h2load\` is nghttp2's; it repeats one request, ten connections with ten streams each, and looks at no answer (that puts were
made is seen by the revision). \`@grpc/grpc-js\` and \`@quorate/client\` check each answer, ten connections with ten calls each. \`etcdctl check
datascale --load=s\` is etcd's own client for Go; its time is that of the whole command.`,
    table(
      [
        ...[
          'client',
          'operation',
          'Quorate /s',
          'etcd /s',
          'ratio',
          'Quorate CPU µs',
          'etcd CPU µs',
          'ratio',
        ],
        'client µs',
      ],
      rows.map(({ client, operation, sides: { quorate, etcd } }) => [
        ...[client, operation, spread(quorate.perSecond), spread(etcd.perSecond)],
        ratio(quorate.perSecond.median / etcd.perSecond.median),
        ...[spread(quorate.cpuMicros), spread(etcd.cpuMicros)],
        ratio(etcd.cpuMicros.median / quorate.cpuMicros.median),
        figure(Math.max(quorate.clientMicros.median, etcd.clientMicros.median)),
      ]),
      { textColumns: 2 },
    ),
    ...(missing.length === 0 ? [] : [`Not measured: ${missing.join('; ')}.`]),
  ].join('\n\n');
}
