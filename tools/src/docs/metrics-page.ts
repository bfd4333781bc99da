import { code, plain, table } from './tables.ts';

/** One metric, as a text for Prometheus tells it. */
export interface Metric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** A program, and what it said at its `/metrics`. */
export interface ScrapedProgram {
  readonly title: string;
  readonly where: string;
  readonly text: string;
}

/** Reads the text that Prometheus scrapes. The labels are those of the series that are there, but for buckets. */
export function metricsOf(text: string): Metric[] {
  const found = new Map<string, { type: string; help: string; labels: Set<string> }>();
  const at = (name: string) => {
    const known = found.get(name) ?? { type: '', help: '', labels: new Set<string>() };
    found.set(name, known);
    return known;
  };
  for (const line of text.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind === 'HELP') at(name).help = rest.replaceAll('\\n', ' ');
    else if (kind === 'TYPE') at(name).type = rest;
    else {
      const [, series = '', labels = ''] = /^([\w:]+)\{(.*)\} \S+$/.exec(line) ?? [];
      const base = found.has(series) ? series : series.replace(/_(?:bucket|sum|count)$/, '');
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g))
        if (!['le', 'quantile'].includes(label)) found.get(base)?.labels.add(label);
    }
  }
  return [...found]
    .map(([name, { type, help, labels }]) => ({ name, type, help, labels: [...labels] }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const groups: readonly (readonly [string, RegExp])[] = [
  ['Raft and requests', /^etcd_server_/],
  ['Disk', /^etcd_(?:disk|snap)_/],
  ['Store and watches', /^etcd_mvcc_/],
  ['Network and peers', /^etcd_network_/],
  ['Debugging names of etcd', /^etcd_debugging_/],
  ['Other names of etcd', /^etcd_/],
  ['gRPC', /^grpc_/],
  ['Quorate alone', /^quorate_/],
  ['Process and Node', /./],
];

/** The page of all metrics of programs that ran. */
export function metricsPage(programs: readonly ScrapedProgram[]): string {
  return [
    '# Metrics',
    '',
    'Read from programs that ran while this page was made: three members of a cluster with `--metrics=extensive` and',
    '`--enable-distributed-tracing`, a gateway and a gRPC proxy. Names that begin with `etcd_` are those of etcd, so that its dashboards and alerts work; those with `quorate_` are of',
    'Quorate alone. A label that only rare events bring along may be missing here. What to watch and when to be woken',
    'stands in the guide [Monitoring](/guides/monitoring).',
    '',
    ...programs.flatMap(({ title, where, text }) => [
      `## ${title}`,
      '',
      where,
      '',
      ...grouped(metricsOf(text)),
    ]),
  ].join('\n');
}

function grouped(metrics: readonly Metric[]): string[] {
  const groupOf = ({ name }: Metric): string => groups.find(([, pattern]) => pattern.test(name))?.[0] ?? '';
  const byGroup = Map.groupBy(metrics, groupOf);
  return groups.flatMap(([title]) => {
    const members = byGroup.get(title);
    if (members === undefined) return [];
    const rows = members.map(({ name, type, help, labels }) => [
      code(name),
      type,
      labels.map(code).join(', '),
      plain(help),
    ]);
    return [`### ${title}`, '', table(['name', 'type', 'labels', 'meaning'], rows), ''];
  });
}
