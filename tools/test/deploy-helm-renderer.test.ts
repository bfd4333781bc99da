import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { evaluate } from '../src/helm/evaluate.ts';
import { parseTemplate } from '../src/helm/parser.ts';
import { mergeValues, renderChart } from '../src/helm/render-chart.ts';
import { TemplateError } from '../src/helm/syntax.ts';

/** What a template gives, as real Helm does; see the comparison in deploy-helm.test.ts. */
function rendered(template: string, dot: unknown = {}): string {
  const { nodes, defined } = parseTemplate(template);
  return evaluate(nodes, { dot, templates: defined });
}

test.each([
  ['text alone', 'a {b} c', 'a {b} c'],
  ['a value', '{{ .a.b }}', '1'],
  ['a value that is not there', '[{{ .nothing }}]', '[]'],
  ['white space taken away before', 'a\n  {{- .s }}\n', 'atext\n'],
  ['white space taken away behind', 'a {{ .s -}}\n  b', 'a textb'],
  ['a comment', 'a{{/* "}}" is no end */}}b', 'ab'],
  ['a comment that takes white space away', 'a\n{{- /* c */ -}}\nb', 'ab'],
  ['braces in a text', '{{ "}}" }}{{ `{{` }}', '}}{{'],
  ['a choice', '{{ if .no }}a{{ else if .s }}b{{ else }}c{{ end }}', 'b'],
  ['the other choice', '{{ if .no }}a{{ else if .empty }}b{{ else }}c{{ end }}', 'c'],
  ['a list', '{{ range .list }}<{{ . }}>{{ end }}', '<x><y>'],
  ['a list with positions', '{{ range $i, $x := .list }}{{ $i }}={{ $x }} {{ end }}', '0=x 1=y '],
  [
    'a dictionary in the order of its keys',
    '{{ range $k, $v := .map }}{{ $k }}={{ $v }} {{ end }}',
    'a=1 b=2 ',
  ],
  ['an empty list', '{{ range .empty }}a{{ else }}none{{ end }}', 'none'],
  ['another dot', '{{ with .a }}{{ .b }}{{ $.s }}{{ else }}none{{ end }}', '1text'],
  [
    'a variable of outside that is set inside',
    '{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}',
    '2',
  ],
  [
    'a variable of inside that is gone outside',
    '{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}',
    '1',
  ],
  ['a pipe, whose value is the last argument', '{{ .s | trimSuffix "xt" | printf "%s-%s" "a" }}', 'a-te'],
  ['brackets with a field', '{{ (.a).b }}', '1'],
  ['templates', '{{ define "t" }}<{{ .b }}>{{ end }}{{ include "t" .a }}', '<1>'],
  ['indentation', 'x:{{ .map | toYaml | nindent 2 }}', 'x:\n  a: 1\n  b: 2'],
  [
    'numbers',
    '{{ add 1 (int .a.b) }} {{ sub 5 2 }} {{ div (add 3 1) 2 }} {{ join "," (until 3) }}',
    '2 3 2 0,1,2',
  ],
  ['comparisons', '{{ and (eq .s "text") (ne .s "x") (gt 2 1) (lt 1 2) (ge 2 2) (not false) }}', 'true'],
  ['an end to what need not be looked at', '{{ if and .nothing .nothing.deeper }}a{{ else }}b{{ end }}', 'b'],
  ['fallbacks', '{{ default "d" .empty }}{{ .s | default "d" }}{{ ternary "y" "n" true }}', 'dtexty'],
  [
    'texts',
    '{{ "a-b" | upper | replace "-" "_" }} {{ quote .s }} {{ trunc 2 .s }} {{ contains "ex" .s }}',
    'A_B "text" te true',
  ],
  ['lists and dictionaries', '{{ has "x" (append (list) "x") }} {{ hasKey (dict "k" 1) "k" }}', 'true true'],
])('%s', (_, template, expected) => {
  const dot = { a: { b: 1 }, s: 'text', no: false, empty: [], list: ['x', 'y'], map: { b: 2, a: 1 } };
  expect(rendered(template, dot)).toBe(expected);
});

describe('what Helm refuses or prints in another way than it looks is refused', () => {
  test.each([
    ['a function that is not known', '{{ lookup "v1" }}', 'function "lookup" is not understood'],
    ['a field of nothing', '{{ .a.b.c }}', 'nil pointer evaluating interface {}.b'],
    ['an action without an end', 'a\n{{ .a', 'line 2: "{{" without "}}"'],
    ['a block without an end', '{{ if .a }}', 'the end of the file, where else or end is due'],
    ['an end without a block', '{{ end }}', 'line 1: "end" is not understood'],
    ['words that do not belong', '{{ .a ) }}', 'line 1: ")" is too much'],
    ['a variable that is not there', '{{ $x }}', 'undefined variable "$x"'],
    ['a template that is not there', '{{ include "x" . }}', 'no template "x"'],
    [
      'templates without end',
      '{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}',
      'without end',
    ],
    ['a large number of the values', '{{ .big }}', '2000000 would not be printed as it is written'],
    ['a dictionary as a text', '{{ .map }}', 'is no text: use toYaml'],
    ['values of two types', '{{ eq .one 1 }}', 'cannot be compared'],
    ['a number of the values as an int64', '{{ gt .one 0 }}', '"int" makes one of it'],
    ['a value that is needed', '{{ required "say who" .nobody }}', 'say who'],
    ['what a template refuses', '{{ fail "no" }}', 'no'],
    ['an argument to no function', '{{ .one 1 }}', "can't give argument to non-function"],
  ])('%s', (_, template, message) => {
    const refused = () => rendered(template, { big: 2_000_000, map: { a: 1 }, one: 1 });
    expect(refused).toThrow(TemplateError);
    expect(refused).toThrow(message);
  });
});

test('values are laid over each other entry by entry, lists as a whole, and nothing takes an entry away', () => {
  const base = { a: { b: 1, c: [1, 2] }, d: 'x', e: { f: 1 } };
  expect(mergeValues(base, { a: { c: [3] }, d: null, e: { g: 2 } })).toEqual({
    a: { b: 1, c: [3] },
    e: { f: 1, g: 2 },
  });
});

test('a chart gives its documents, its notes, and the file of an error', () => {
  const dir = mkdtempSync(join(tmpdir(), 'chart-'));
  try {
    mkdirSync(join(dir, 'templates'));
    const write = (path: string, text: string): void => writeFileSync(join(dir, path), text);
    write('Chart.yaml', 'name: c\nversion: 1.2.3\nappVersion: "4"\n');
    write('values.yaml', 'a: 1\n');
    write('file.txt', 'of the chart');
    write('templates/_helpers.tpl', '{{ define "name" }}{{ .Release.Name }}-{{ .Chart.Version }}{{ end }}');
    write(
      'templates/a.yaml',
      'n: {{ include "name" . }}\n---\n# nothing\n---\nf: {{ .Files.Get "file.txt" }}\n',
    );
    write('templates/NOTES.txt', '{{ .Values.a }} in {{ .Release.Namespace }}, {{ .Release.IsUpgrade }}');
    const options = { chartDir: dir, releaseName: 'r', namespace: 's' };
    expect(renderChart({ ...options, values: { a: 2 }, isUpgrade: true })).toEqual({
      documents: [{ n: 'r-1.2.3' }, { f: 'of the chart' }],
      notes: '2 in s, true',
    });
    write('templates/b.yaml', 'a: [');
    expect(() => renderChart(options)).toThrow(/^b\.yaml: /);
    write('templates/b.yaml', 'a: {{ .Values.a.b }}');
    expect(() => renderChart(options)).toThrow("b.yaml: can't evaluate field b in 1");
  } finally {
    rmSync(dir, { recursive: true });
  }
});
