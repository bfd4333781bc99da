import { bytesOfText, type ByteString } from '../byte-string.ts';
import type { Paint, Style } from '../colour.ts';
import type { Printout } from '../print/printout.ts';
import { table } from '../print/table.ts';
import { severities, type Severity } from './check.ts';
import { worstOf, type Diagnosis, type RankedFinding } from './diagnosis.ts';

const styles: Readonly<Record<Severity, Style>> = { critical: 'red', warning: 'yellow', advice: 'cyan' };

/** How a diagnosis is shown. */
export interface ReportOptions {
  /** Whether what is well is told one by one, too. */
  readonly all: boolean;
  readonly paint: Paint;
}

/** A diagnosis in the formats it has. */
export function diagnosisPrintout(diagnosis: Diagnosis, options: ReportOptions): Printout {
  const { findings, ok, unchecked } = diagnosis;
  return {
    simple: () => simpleText(diagnosis, options),
    json: () => ({
      version: 1,
      result: worstOf(diagnosis),
      findings: findings.map((finding) => ({ ...finding })),
      ok: ok.map(({ id, subject, seen }) => ({ id, subject, ...(seen === '' ? {} : { seen }) })),
      unchecked: unchecked.map((each) => ({ ...each })),
    }),
    table: () =>
      table(
        ['severity', 'check', 'subject', 'seen'],
        [
          ...findings.map(({ severity, id, subject, seen }) => [severity, id, subject, seen]),
          ...(options.all ? ok.map(({ id, subject, seen }) => ['ok', id, subject, seen]) : []),
          ...unchecked.map(({ id, subject, reason }) => ['unchecked', id, subject, reason]),
        ],
      ),
  };
}

function simpleText(diagnosis: Diagnosis, { all, paint }: ReportOptions): ByteString {
  const lines = diagnosis.findings.flatMap((finding) => [...findingLines(finding, paint), '']);
  if (all) {
    for (const { id, subject, seen } of diagnosis.ok)
      lines.push(`${paint('green', 'ok')}        ${id}  ${subject}${seen === '' ? '' : `: ${seen}`}`);
    if (diagnosis.ok.length > 0) lines.push('');
  }
  lines.push(...summaryLines(diagnosis));
  return lines.map((line) => `${bytesOfText(line)}\n`).join('');
}

function findingLines(
  { id, severity, subject, seen, why, remedy, runbook }: RankedFinding,
  paint: Paint,
): string[] {
  const head = `${paint(styles[severity], severity.toUpperCase().padEnd(8))}  ${paint('bold', id)}  ${subject}`;
  return [
    head,
    `  seen: ${seen}`,
    `  why:  ${why}`,
    ...remedy.map((step, at) => `  ${at === 0 ? 'do:  ' : '     '} ${step}`),
    `  see:  ${runbook}`,
  ];
}

function summaryLines({ findings, ok, unchecked }: Diagnosis): string[] {
  const counts = severities.flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const checked = new Set([...ok, ...findings].map(({ id }) => id));
  const found = counts.length === 0 ? 'Nothing was found' : `Found: ${counts.join(', ')}`;
  const lines = [`${found}. Checked: ${listText(checked)}.`];
  // What keeps one thing from being looked at often keeps others, too.
  const byReason = Map.groupBy(unchecked, ({ subject, reason }) => `${subject}: ${reason}`);
  for (const [reason, of] of byReason)
    lines.push(`Not checked: ${listText(new Set(of.map(({ id }) => id)))} (${reason})`);
  return lines;
}

function listText(ids: ReadonlySet<string>): string {
  return ids.size === 0 ? 'nothing' : [...ids].join(', ');
}
