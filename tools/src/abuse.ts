import { abuseFigures, type AbuseFigures } from '@quorate/e2e';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { describeEnvironment } from './bench/environment.ts';
import { figure, table } from './bench/markdown-table.ts';

/**
 * `npm run abuse -- --phases=5 --phase-ms=1000 --only=reset --write`: attacks a member in every way we know while
 * somebody works with it, prints what that came to, and with `--write` puts it into `docs/abuse.md`.
 */
const { values } = parseArgs({
  options: {
    phases: { type: 'string', default: '5' },
    'phase-ms': { type: 'string', default: '1000' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const root = resolve(import.meta.dirname, '../..');
const environment = await describeEnvironment({
  dir: root,
  command: ['npm run abuse --', ...process.argv.slice(2)].join(' '),
});
const effort = {
  phases: Number(values.phases),
  phaseMs: Number(values['phase-ms']),
  withIdle: true,
};
const rows: string[][] = [];
for await (const figures of abuseFigures({ effort, only: values.only })) {
  const row = rowOf(figures);
  rows.push(row);
  console.log(row.join(' | '));
}
if (values.write) {
  const path = join(root, 'docs/abuse.md');
  const page = await format(pageOf(rows), { ...(await resolveConfig(path)), parser: 'markdown' });
  writeFileSync(path, page);
}
process.exit(rows.some((row) => row.at(-1)?.includes('**') === true) ? 1 : 0);

function rowOf(figures: AbuseFigures): string[] {
  const { attack, error, result, idleMs = NaN, quietMs = NaN, attackedMs = NaN } = figures;
  if (result === undefined) return [attack, '', '', '', '', '', `**${error ?? ''}**`];
  const verdict = figures.isHarmless ? '' : '**others waited for too long**; ';
  return [
    attack,
    ...[idleMs, quietMs, attackedMs, attackedMs / quietMs].map(figure),
    `${result.residentMiB[0]} → ${result.residentMiB[1]}`,
    `${verdict}${figures.stoppedBy}`,
  ];
}

function pageOf(lines: readonly (readonly string[])[]): string {
  const { cpu, cores, kernel, node, quorate, date, loadBefore, command } = environment;
  const [loadAfter = 0] = loadavg();
  const head = [
    ...['attack', 'idle p99 ms', 'quiet p99 ms', 'attacked p99 ms', 'attacked / quiet'],
    ...['memory MiB', 'what stopped it'],
  ];
  return `# Abuse

What attacks on the client ports, without and with TLS, cost others. \`npm run abuse -- --write\` wrote this page, so do not edit it; the tests
\`e2e/test/abuse-*.test.ts\` run the same attacks, and \`e2e/README.md\` says by which rule they judge.

A durable member is attacked from a process of its own, as fast as it takes it, and the attacker comes back 50 ms after each time
that it is thrown out, and from an address of its own. Meanwhile a bystander puts and gets by turns every 2 ms over a connection of its own; what a
call waits counts, also when the ones before it wait.

An attacker has a machine of its own. Here attacker, bystander and member share the cores and the disk, so the attacker has a core only while nobody else
wants it (\`chrt --idle\`), and still slows the others down by computing at all. Therefore three kinds of phases take turns (${effort.phases} of ${effort.phaseMs} ms each): "idle",
nobody attacks; "quiet", the same attacker does the same to another member, which nobody uses; "attacked". Figures are medians over the phases of the
99th percentile. A bystander is to wait at most twice as long as in quiet; an attack with more is run again, up to seven times, and all phases count:
"2 runs" says so. "Memory" is what the member holds after a first dose of the attack and after all of it.

| | |
| --- | --- |
| command | \`${command}\` |
| date | ${date} |
| machine | ${cpu}, ${cores} cores, ${kernel} |
| load average | ${figure(loadBefore)} before, ${figure(loadAfter)} after |
| Quorate | ${quorate} |
| Node | ${node} |

${table(head, lines)}

"Ended" counts by the label \`reason\` of \`quorate_grpc_cuts_total\`: \`protocol\` is a violation of HTTP/2 or more than
\`--max-stream-resets\`, the others are limits of their own; \`docs/flags.md\` lists their flags. Connections are delayed
when many from their address were cut (\`--max-connection-delay\`), the names with spaces handshakes and
connections that came to nothing.
`;
}
