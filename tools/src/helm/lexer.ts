import { TemplateError } from './syntax.ts';

/** A stretch of text, or the words between `{{` and `}}`. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly words: readonly Word[]; readonly line: number };

/** A word of an action. `isGlued` says that nothing stands between it and the one before, as in `$x.y`. */
export interface Word {
  readonly kind: 'text' | 'number' | 'name' | 'field' | 'variable' | 'sign';
  readonly text: string;
  readonly isGlued: boolean;
}

/**
 * Cuts a template into text and actions. `{{-` takes white space away before it, `-}}` behind it; comments
 * (between a slash with a star, and a star with a slash) give nothing.
 *
 * @throws TemplateError that names the line
 */
export function cut(template: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimsNext = false;
  while (at < template.length) {
    const start = template.indexOf('{{', at);
    const text = template.slice(at, start < 0 ? template.length : start);
    const trimsThis = start >= 0 && /^\{\{-\s/.test(template.slice(start, start + 4));
    pieces.push({ kind: 'text', text: trimmed(text, { start: trimsNext, end: trimsThis }) });
    if (start < 0) break;
    const line = template.slice(0, start).split('\n').length;
    const end = endOfAction(template, start + 2);
    if (end === undefined) throw new TemplateError(`line ${line}: "{{" without "}}"`);
    let inner = template.slice(start + (trimsThis ? 3 : 2), end);
    trimsNext = /\s-$/.test(inner);
    if (trimsNext) inner = inner.slice(0, -1);
    if (!/^\s*\/\*/.test(inner)) pieces.push({ kind: 'action', words: wordsOf(inner.trim(), line), line });
    at = end + 2;
  }
  return pieces.filter((piece) => piece.kind === 'action' || piece.text !== '');
}

function trimmed(text: string, { start, end }: { readonly start: boolean; readonly end: boolean }): string {
  const from = start ? text.trimStart() : text;
  return end ? from.trimEnd() : from;
}

/** Where the `}}` of an action stands: not within its texts and comments. */
function endOfAction(template: string, from: number): number | undefined {
  const skipped = /"(?:[^"\\\n]|\\.)*"|`[^`]*`|\/\*[^]*?\*\/|\}\}/g;
  skipped.lastIndex = from;
  for (let match = skipped.exec(template); match !== null; match = skipped.exec(template)) {
    if (match[0] === '}}') return match.index;
  }
  return undefined;
}

const patterns: readonly (readonly [Word['kind'], RegExp])[] = [
  ['text', /"(?:[^"\\]|\\.)*"|`[^`]*`/y],
  ['number', /-?\d+(?![\w.])/y],
  ['variable', /\$\w*/y],
  ['field', /\.[A-Za-z_]\w*|\./y],
  ['name', /[A-Za-z_]\w*/y],
  ['sign', /:=|[=|(),]/y],
];

function wordsOf(action: string, line: number): Word[] {
  const words: Word[] = [];
  let at = 0;
  let isGlued = false;
  while (at < action.length) {
    if (/\s/.test(action.charAt(at))) {
      at += 1;
      isGlued = false;
      continue;
    }
    const word = wordAt(action, at);
    if (word === undefined) throw new TemplateError(`line ${line}: "${action.slice(at)}" is not understood`);
    words.push({ ...word, isGlued });
    at += word.text.length;
    isGlued = true;
  }
  return words;
}

function wordAt(action: string, at: number): Omit<Word, 'isGlued'> | undefined {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(action);
    if (match !== null) return { kind, text: match[0] };
  }
  return undefined;
}
