import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startServer, type RunningServer } from '../src/index.ts';

const fileOf = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

const alertFile = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Quorate[A-Z]\w+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+[mh]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
});
const dashboardFile = z.object({
  panels: z.array(
    z.object({
      type: z.enum(['row', 'stat', 'timeseries']),
      title: z.string(),
      targets: z.array(z.object({ expr: z.string() })).default([]),
    }),
  ),
});

const alerts = alertFile
  .parse(parse(fileOf('deploy/prometheus/alerts.yaml')))
  .groups.flatMap(({ rules }) => rules);
const panels = dashboardFile.parse(JSON.parse(fileOf('deploy/grafana/quorate.json'))).panels;

/** Names of metrics in an expression: whatever looks like one and is neither a function nor a label. */
function metricsIn(expr: string): string[] {
  const withoutLabels = expr.replaceAll(/\{[^}]*\}|\b(by|on|group_left|without) \([^)]*\)|"[^"]*"/g, ' ');
  return [...withoutLabels.matchAll(/\b(?:up|[a-z]+(?:_[a-zA-Z0-9]+)+)\b(?!\s*\()/g)].map(([name]) => name);
}

let server: RunningServer;
let names: Set<string>;
beforeAll(async () => {
  server = await startServer({ metrics: 'extensive' });
  const text = await (await fetch(`${server.endpoint}/metrics`)).text();
  names = new Set(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
});
afterAll(() => server.close());

/** Prometheus makes it; Node's own are there in a process of its own only. */
const made = /^(up|nodejs_\w+|process_\w+)$/;

describe('what is asked of Prometheus', () => {
  const exprs = [
    ...alerts.map(({ alert, expr }) => [alert, expr] as const),
    ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ];

  test.each(exprs)('"%s" uses metrics that a member has', (_, expr) => {
    const used = metricsIn(expr);
    expect(used).not.toEqual([]);
    expect(used.filter((name) => !names.has(name) && !made.test(name))).toEqual([]);
    // As far as one sees without Prometheus: brackets that fit.
    for (const [open, close] of ['()', '{}', '[]']) {
      expect(expr.split(open!).length).toBe(expr.split(close!).length);
    }
  });
});

test('every alert has a section in the runbook, and every such section an alert', () => {
  const sections = [...fileOf('docs/runbook.md').matchAll(/^### (Quorate\w+)$/gm)].map(([, name]) => name);
  expect(sections.toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
  for (const { alert, annotations } of alerts)
    expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
});
