import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findCommand } from '../src/cli/command.ts';
import { rootCommand } from '../src/commands.ts';
import { dataChecks } from '../src/doctor/data-checks.ts';
import { liveChecks } from '../src/doctor/live-checks.ts';
import { alertThresholds } from '../src/doctor/thresholds.ts';
import { quoratectl, utf8 } from './differential/tools.ts';

const textOfFile = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const checks = [
  ...liveChecks.map((check) => ({ ...check, of: 'members' })),
  ...dataChecks.map((check) => ({ ...check, of: 'data' })),
];

/** The anchors of a page in Markdown, as GitHub makes them of headings. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = markdown.split('\n').flatMap((line) => /^#+ (.*)$/.exec(line)?.[1] ?? []);
  const anchors = headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
  return new Set(anchors);
}

describe('every check', () => {
  test('has an ID of its own, that scripts can rely on', () => {
    expect(new Set(checks.map(({ id }) => id)).size).toBe(checks.length);
    expect(checks.map(({ of, id }) => `${of}: ${id}`)).toMatchInlineSnapshot(`
      [
        "members: hash-mismatch",
        "members: alarm-corrupt",
        "members: clusters-differ",
        "members: quorum",
        "members: alarm-nospace",
        "members: leader",
        "members: certificate-expiry",
        "members: certificate-trust",
        "members: member-unreachable",
        "members: health",
        "members: version-old",
        "members: quota",
        "members: wal-sync",
        "members: raft-lag",
        "members: leader-changes",
        "members: event-loop",
        "members: open-files",
        "members: proposals-failed",
        "members: proposals-pending",
        "members: peers-disconnected",
        "members: peer-round-trip",
        "members: backend-commit",
        "members: read-latency",
        "members: clock",
        "members: member-errors",
        "members: raft-terms",
        "members: members-unstarted",
        "members: member-urls",
        "members: downgrade",
        "members: client-certificate",
        "members: tls-versions",
        "members: access",
        "members: calls-failed",
        "members: clients-cut",
        "members: passwords-guessed",
        "members: versions-differ",
        "members: cluster-version",
        "members: storage-version",
        "members: members-learning",
        "members: voters-count",
        "members: one-machine",
        "members: fragmentation",
        "members: slow-applies",
        "members: watchers",
        "members: leases",
        "members: started-lately",
        "data: data-present",
        "data: restore-interrupted",
        "data: log-damaged",
        "data: store-damaged",
        "data: log-present",
        "data: log-fits-store",
        "data: disk-space",
        "data: sync-measured",
        "data: store-alarms",
        "data: file-system",
        "data: file-modes",
        "data: snap-files",
        "data: log-torn",
        "data: log-size",
        "data: store-fragmented",
        "data: leftovers",
        "data: log-ahead",
        "data: data-in-use",
      ]
    `);
  });

  test('names a section of the runbook that is there', () => {
    const anchors = anchorsOf(textOfFile('docs/runbook.md'));
    const missing = checks
      .filter(({ runbook }) => !anchors.has(runbook))
      .map(({ id, runbook }) => [id, runbook]);
    expect(missing).toEqual([]);
  });

  test('stands in the README, with what it looks at', () => {
    const readme = textOfFile('apps/ctl/README.md').replaceAll(/ +/g, ' ');
    const missing = checks.filter(({ id, title }) => !readme.includes(`| \`${id}\` | ${title} |`));
    expect(missing.map(({ id }) => id)).toEqual([]);
  });
});

test('thresholds are those of the alerts', () => {
  // The file is ours, and has this shape.
  const { groups } = parse(textOfFile('deploy/prometheus/alerts.yaml')) as {
    readonly groups: readonly {
      readonly rules: readonly { readonly alert: string; readonly expr: string }[];
    }[];
  };
  const rules = new Map(groups.flatMap(({ rules: of }) => of.map(({ alert, expr }) => [alert, expr])));
  const numbers = Object.keys(alertThresholds).map((alert) => {
    const [, number] = />=? ([\d.]+)$/.exec(rules.get(alert)?.trim() ?? '') ?? [];
    return [alert, Number(number)];
  });
  expect(Object.fromEntries(numbers)).toEqual(alertThresholds);
});

test('commands in remedies are commands that there are', () => {
  const folder = new URL('../src/doctor/', import.meta.url);
  const commands = ['live', 'data'].flatMap((name) =>
    readdirSync(new URL(`${name}/`, folder)).flatMap((file) => {
      const text = readFileSync(new URL(`${name}/${file}`, folder), 'utf8');
      return [...text.matchAll(/\$ quoratectl ([^'`]*)/g)].map(([, words = '']) => words);
    }),
  );
  expect(commands.length).toBeGreaterThan(20);
  const wrong = commands.filter((words) => {
    // What stands for a value is written in capitals, or put in by the program.
    const argv = words
      .replaceAll(/\$\{[^}]*\}/g, 'X')
      .split(' ')
      .filter((word) => word !== '');
    const { path, unknown } = findCommand(rootCommand, argv);
    return unknown !== undefined || path.at(-1)?.load === undefined;
  });
  expect(wrong).toEqual([]);
});

test('the help has examples, the flags, and what exit codes mean', async () => {
  const { stdout, code } = await quoratectl({ argv: ['doctor', '--help'] });
  expect(code).toBe(0);
  for (const text of [
    '$ quoratectl doctor --cluster',
    '--data-dir',
    '--write-test',
    '--peer-certificates',
    '2 with warnings',
  ])
    expect(stdout).toContain(utf8(text));
});

test('its flags are completed', async () => {
  const { stdout } = await quoratectl({ argv: ['__complete', 'doctor', '--d'] });
  expect(stdout).toContain('--data-dir');
});
