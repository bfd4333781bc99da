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
  // What is to be done about several members in the same way is said once.
  const groups = Map.groupBy(diagnosis.findings, ({ id, severity, remedy }) =>
    [severity, id, ...remedy].join('\n'),
  );
  const lines = [...groups.values()].flatMap((findings) => [...findingLines(findings, paint), '']);
  if (all) {
    for (const { id, subject, seen } of diagnosis.ok)
      lines.push(`${paint('green', 'ok')}        ${id}  ${subject}${seen === '' ? '' : `: ${seen}`}`);
    if (diagnosis.ok.length > 0) lines.push('');
  }
  lines.push(...summaryLines(diagnosis));
  return lines.map((line) => `${bytesOfText(line)}\n`).join('');
}

function findingLines(findings: readonly RankedFinding[], paint: Paint): string[] {
  return findings.slice(0, 1).flatMap(({ id, severity, subject, why, remedy, runbook }) => {
    const isOne = findings.length === 1;
    const head = `${paint(styles[severity], severity.toUpperCase().padEnd(8))}  ${paint('bold', id)}`;
    return [
      isOne ? `${head}  ${subject}` : `${head}  ${findings.length} times`,
      ...labelled(
        'seen',
        findings.map((each) => (isOne ? each.seen : `${each.subject}: ${each.seen}`)),
      ),
      ...labelled('why', [why]),
      ...labelled('do', remedy),
      ...labelled('see', [runbook]),
    ];
  });
}

/** Lines behind a label that stands before the first of them. */
function labelled(label: string, lines: readonly string[]): string[] {
  return lines.map((line, at) => `  ${(at === 0 ? `${label}:` : '').padEnd(5)} ${line}`);
}

function summaryLines({ findings, ok, unchecked }: Diagnosis): string[] {
  const counts = severities.flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const checked = new Set([...ok, ...findings].map(({ id }) => id));
  const found = counts.length === 0 ? 'Nothing was found' : `Found: ${counts.join(', ')}`;
  const lines = [`${found}. Checked: ${listText(checked)}.`];
  for (const { ids, subjects, reason } of gaps(unchecked))
    lines.push(`Not checked: ${ids} (${subjects.join(', ')}: ${reason})`);
  return lines;
}

/** What was not checked, with the same said once: of what keeps one thing from being looked at, others suffer, too. */
function gaps(
  unchecked: Diagnosis['unchecked'],
): readonly { readonly ids: string; readonly subjects: readonly string[]; readonly reason: string }[] {
  const perSubject = [
    ...Map.groupBy(unchecked, ({ subject, reason }) => `${subject}\n${reason}`).values(),
  ].map((of) => ({
    ids: listText(new Set(of.map(({ id }) => id))),
    subject: of[0]?.subject ?? '',
    reason: of[0]?.reason ?? '',
  }));
  return [...Map.groupBy(perSubject, ({ ids, reason }) => `${ids}\n${reason}`).values()].map((of) => ({
    ids: of[0]?.ids ?? '',
    subjects: of.map(({ subject }) => subject),
    reason: of[0]?.reason ?? '',
  }));
}

function listText(ids: ReadonlySet<string>): string {
  return ids.size === 0 ? 'nothing' : [...ids].join(', ');
}
