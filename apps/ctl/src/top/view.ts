import { bytesOfText, type ByteString } from '../byte-string.ts';
import type { Paint, Style } from '../colour.ts';
import type { JsonValue } from '../go/json.ts';
import { humanSize } from '../print/size.ts';
import type { Counters } from './metrics.ts';
import type { ClusterSample, MemberSample } from './sampler.ts';

/** A member as it is shown: how it is, and how that has changed since the sample before. */
export interface MemberRow {
  readonly member: MemberSample;
  readonly role: 'leader' | 'follower' | 'learner' | 'down';
  /** Entries that the leader has and this one has not applied; undefined when one of them does not answer. */
  readonly lag: number | undefined;
  /** Per second; undefined until there are two samples to compare, and after a restart. */
  readonly rates: Rates | undefined;
  /** Alarms that it has raised, by name. */
  readonly alarms: readonly string[];
}

/** What is done in a second. */
export type Rates = Readonly<Record<'puts' | 'ranges' | 'txns' | 'events', number>>;

/** All that is shown. */
export interface ClusterView {
  readonly rows: readonly MemberRow[];
  readonly leader: MemberRow | undefined;
  readonly revision: bigint;
  readonly term: bigint;
  /** Revisions in a second, which count writes even where no metrics are to be had. */
  readonly revisionRate: number | undefined;
}

/** Compares a sample with the one before. */
export function viewOf(sample: ClusterSample, before: ClusterSample | undefined): ClusterView {
  const seconds = before === undefined ? 0 : (sample.atMs - before.atMs) / 1000;
  const leaderOf = sample.members.find(isLeader);
  const alarms = alarmsOf(sample);
  const rows = sample.members.map((member): MemberRow => {
    const last = before?.members.find(({ id, endpoint }) => id === member.id && endpoint === member.endpoint);
    return {
      member,
      role: roleOf(member),
      lag: lagOf(member, leaderOf),
      rates: ratesOf(member.counters, last?.counters, seconds),
      alarms: alarms.get(member.id) ?? [],
    };
  });
  const revision = newestRevision(sample);
  const revisions = before === undefined ? 0 : Number(revision - newestRevision(before));
  const terms = sample.members.map(({ status }) => status?.raftTerm ?? 0n);
  return {
    rows,
    leader: rows.find(({ role }) => role === 'leader'),
    revision,
    term: terms.reduce((a, b) => (a > b ? a : b), 0n),
    revisionRate: before === undefined || seconds <= 0 || revisions < 0 ? undefined : revisions / seconds,
  };
}

/** What members say of alarms among their errors: `memberID:1234 alarm:NOSPACE`, each of them of all members. */
const alarmError = /^memberID:(\d+) alarm:(\w+)/;

/** The alarms of each member. To ask for them would be an entry in the log each time; statuses tell of them, too. */
function alarmsOf({ members }: ClusterSample): ReadonlyMap<bigint, readonly string[]> {
  const found = new Map<bigint, Set<string>>();
  for (const error of members.flatMap(({ status }) => status?.errors ?? [])) {
    const [, id, name] = alarmError.exec(error) ?? [];
    if (id === undefined || name === undefined) continue;
    found.set(BigInt(id), (found.get(BigInt(id)) ?? new Set()).add(name));
  }
  return new Map([...found].map(([id, names]) => [id, [...names]]));
}

function isLeader({ status }: MemberSample): boolean {
  return status !== undefined && status.leader !== 0n && status.leader === status.header?.memberId;
}

function roleOf(member: MemberSample): MemberRow['role'] {
  if (member.status === undefined) return 'down';
  if (isLeader(member)) return 'leader';
  return member.status.isLearner ? 'learner' : 'follower';
}

/** Members are asked one after the other, so one may seem to be ahead of its leader: that is no lag. */
function lagOf({ status }: MemberSample, leader: MemberSample | undefined): number | undefined {
  if (status === undefined || leader?.status === undefined) return undefined;
  return Math.max(0, Number(leader.status.raftIndex - status.raftAppliedIndex));
}

function ratesOf(now: Counters | undefined, last: Counters | undefined, seconds: number): Rates | undefined {
  if (now === undefined || last === undefined || seconds <= 0) return undefined;
  const rate = (counter: keyof Rates) => (now[counter] - last[counter]) / seconds;
  const rates = { puts: rate('puts'), ranges: rate('ranges'), txns: rate('txns'), events: rate('events') };
  return Object.values(rates).some((value) => value < 0) ? undefined : rates;
}

function newestRevision({ members }: ClusterSample): bigint {
  const revisions = members.map(({ status }) => status?.header?.revision ?? 0n);
  return revisions.reduce((a, b) => (a > b ? a : b), 0n);
}

/** A column of the table. */
interface Column {
  readonly title: string;
  readonly text: (row: MemberRow) => string;
  readonly style?: (row: MemberRow) => Style | undefined;
  /** Texts stand to the left, numbers to the right. */
  readonly isText?: boolean;
}

const noValue = '-';
const columns = {
  name: { title: 'NAME', text: ({ member }) => member.name || noValue, isText: true },
  id: { title: 'ID', text: ({ member }) => member.id.toString(16), isText: true },
  endpoint: { title: 'ENDPOINT', text: ({ member }) => member.endpoint || noValue, isText: true },
  role: { title: 'ROLE', text: ({ role }) => role, style: ({ role }) => roleStyles[role], isText: true },
  version: { title: 'VERSION', text: ({ member }) => member.status?.version ?? noValue, isText: true },
  dbSize: { title: 'DB SIZE', text: ({ member }) => size(member.status?.dbSize) },
  inUse: { title: 'IN USE', text: ({ member }) => size(member.status?.dbSizeInUse) },
  term: { title: 'TERM', text: ({ member }) => whole(member.status?.raftTerm) },
  index: { title: 'INDEX', text: ({ member }) => whole(member.status?.raftIndex) },
  applied: { title: 'APPLIED', text: ({ member }) => whole(member.status?.raftAppliedIndex) },
  lag: { title: 'LAG', text: ({ lag }) => whole(lag), style: ({ lag }) => lagStyle(lag) },
  latency: { title: 'P50', text: ({ member }) => milliseconds(member.latencyMs) },
  puts: { title: 'PUT/S', text: ({ rates }) => rateText(rates?.puts) },
  ranges: { title: 'RANGE/S', text: ({ rates }) => rateText(rates?.ranges) },
  txns: { title: 'TXN/S', text: ({ rates }) => rateText(rates?.txns) },
  watchers: { title: 'WATCHERS', text: ({ member }) => whole(member.counters?.watchers) },
  events: { title: 'EVENT/S', text: ({ rates }) => rateText(rates?.events) },
  notes: { title: 'NOTES', text: notesOf, style: () => 'red', isText: true },
} as const satisfies Record<string, Column>;

/** What a narrow terminal does without, the least needed first. */
const leftOutFirst: readonly (keyof typeof columns)[] = [
  ...([
    'endpoint',
    'events',
    'inUse',
    'term',
    'version',
    'txns',
    'watchers',
    'index',
    'id',
    'applied',
  ] as const),
  ...(['ranges', 'dbSize', 'latency', 'puts'] as const),
];

/** Entries behind the leader that are worth a look: a member that only just works through them has fewer. */
const lagWorthALook = 1_000;
const roleStyles = { leader: 'green', follower: undefined, learner: 'yellow', down: 'red' } as const;

function lagStyle(lag: number | undefined): Style | undefined {
  return lag !== undefined && lag >= lagWorthALook ? 'yellow' : undefined;
}

/** Alarms, what the member complains of, and why it does not answer. */
function notesOf({ member, alarms }: MemberRow): string {
  const others = (member.status?.errors ?? []).filter((error) => !alarmError.test(error));
  const complaints = [...alarms, ...others, member.trouble];
  return [...new Set(complaints)].filter((note) => note !== '').join(', ');
}

/** The table as lines; with `width`, of as many columns as fit, and no line longer than that. */
export function tableLines(view: ClusterView, paint: Paint, width = Infinity): ByteString[] {
  let shown: Column[] = Object.values(columns);
  for (const name of leftOutFirst) {
    if (lineWidth(shown, view) <= width) break;
    shown = shown.filter((column) => column !== columns[name]);
  }
  const widths = shown.map((column) => columnWidth(column, view));
  const line = (texts: readonly string[], styleOf: (at: number) => Style | undefined) => {
    let free = width;
    const cells = texts.map((text, at) => {
      const { isText = false } = shown[at] ?? {};
      const cell = isText ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0);
      const cut = bytesOfText(cell.slice(0, Math.max(0, free)));
      free -= cell.length + 2;
      const style = styleOf(at);
      return style === undefined || cut.trim() === '' ? cut : paint(style, cut);
    });
    return cells.join('  ').trimEnd();
  };
  return [
    line(
      shown.map(({ title }) => title),
      () => 'bold',
    ),
    ...view.rows.map((row) =>
      line(
        shown.map(({ text }) => text(row)),
        (at) => shown[at]?.style?.(row),
      ),
    ),
  ];
}

/** The table as cells, for a frame. */
export function tableCells(view: ClusterView): { readonly header: string[]; readonly rows: string[][] } {
  const all: Column[] = Object.values(columns);
  return {
    header: all.map(({ title }) => title),
    rows: view.rows.map((row) => all.map(({ text }) => text(row))),
  };
}

/** What is known of the cluster as a whole, in one line. */
export function summaryLine(view: ClusterView): ByteString {
  const well = view.rows.filter(({ role }) => role !== 'down').length;
  const leader = view.leader === undefined ? 'no leader' : `leader ${view.leader.member.name || 'unnamed'}`;
  const rate = view.revisionRate === undefined ? '' : ` (${rateText(view.revisionRate)}/s)`;
  const parts = [
    `${well} of ${view.rows.length} members answer`,
    leader,
    `term ${view.term}`,
    `revision ${view.revision}${rate}`,
  ];
  return bytesOfText(parts.join(', '));
}

/** All of it for programs: sizes in bytes, times in milliseconds, IDs as the bare numbers that etcdctl prints. */
export function viewJson(view: ClusterView): JsonValue {
  return {
    revision: view.revision,
    revision_rate: rounded(view.revisionRate),
    raft_term: view.term,
    members: view.rows.map(({ member, role, lag, rates, alarms }) => ({
      id: member.id,
      name: member.name,
      endpoint: member.endpoint,
      role,
      version: member.status?.version,
      db_size: member.status?.dbSize,
      db_size_in_use: member.status?.dbSizeInUse,
      raft_term: member.status?.raftTerm,
      raft_index: member.status?.raftIndex,
      raft_applied_index: member.status?.raftAppliedIndex,
      lag,
      latency_ms: rounded(member.latencyMs),
      put_rate: rounded(rates?.puts),
      range_rate: rounded(rates?.ranges),
      txn_rate: rounded(rates?.txns),
      event_rate: rounded(rates?.events),
      watchers: member.counters?.watchers,
      alarms: [...alarms],
      error: member.trouble === '' ? undefined : member.trouble,
    })),
  };
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 1000) / 1000;
}

function lineWidth(shown: readonly Column[], view: ClusterView): number {
  return shown.reduce((sum, column) => sum + columnWidth(column, view) + 2, -2);
}

function columnWidth({ title, text }: Column, { rows }: ClusterView): number {
  return Math.max(title.length, ...rows.map((row) => text(row).length));
}

function size(bytes: bigint | undefined): string {
  return bytes === undefined ? noValue : humanSize(bytes);
}

function whole(value: bigint | number | undefined): string {
  return value === undefined ? noValue : `${value}`;
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? noValue : `${value.toFixed(1)}ms`;
}

function rateText(value: number | undefined): string {
  if (value === undefined) return noValue;
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}
