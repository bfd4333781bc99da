import { cut, type Piece, type Word } from './lexer.ts';
import { TemplateError, type Command, type Node, type Operand, type PathStart, type Pipe } from './syntax.ts';

/** A file of templates: what it gives by itself, and the templates that it defines. */
export interface ParsedTemplate {
  readonly nodes: readonly Node[];
  readonly defined: ReadonlyMap<string, readonly Node[]>;
}

/** Reads a template. @throws TemplateError that names the line */
export function parseTemplate(template: string): ParsedTemplate {
  const parser = new Parser(cut(template));
  const { nodes } = parser.block([]);
  return { nodes, defined: parser.defined };
}

class Parser {
  readonly defined = new Map<string, readonly Node[]>();
  readonly #pieces: readonly Piece[];
  #at = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  /** Nodes up to an action that begins with one of these words; without words, up to the end. */
  block(ends: readonly string[]): { nodes: Node[]; end: ActionWords | undefined } {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at++];
      if (piece === undefined) {
        if (ends.length > 0)
          throw new TemplateError(`the end of the file, where ${ends.join(' or ')} is due`);
        return { nodes, end: undefined };
      }
      if (piece.kind === 'text') {
        nodes.push(piece);
        continue;
      }
      const words = new ActionWords(piece.words, piece.line);
      if (ends.includes(words.first)) return { nodes, end: words };
      const node = this.#action(words);
      if (node !== undefined) nodes.push(node);
    }
  }

  #action(words: ActionWords): Node | undefined {
    switch (words.first) {
      case 'if':
      case 'with': {
        const kind = words.first;
        words.take();
        return { kind, pipe: words.wholePipe(), ...this.#branches() };
      }
      case 'range':
        return this.#range(words);
      case 'define':
        return this.#define(words);
      case 'else':
      case 'end':
      case 'template':
      case 'block':
      case 'break':
      case 'continue':
        throw words.error(`"${words.first}" is not understood here`);
      default:
        return outputOrAssignment(words);
    }
  }

  #branches(): { then: readonly Node[]; otherwise: readonly Node[] } {
    const { nodes: then, end } = this.block(['else', 'end']);
    if (end?.first === 'end') return { then, otherwise: [] };
    end?.take();
    if (end?.first !== 'if') return { then, otherwise: this.block(['end']).nodes };
    end.take();
    return { then, otherwise: [{ kind: 'if', pipe: end.wholePipe(), ...this.#branches() }] };
  }

  #range(words: ActionWords): Node {
    words.take();
    const names = words.namesBefore(':=');
    const pipe = words.wholePipe();
    const { then: body, otherwise } = this.#branches();
    return { kind: 'range', names, pipe, body, otherwise };
  }

  #define(words: ActionWords): undefined {
    words.take();
    const name = words.take();
    if (name?.kind !== 'text') throw words.error('a template has a name in quotes');
    this.defined.set(textOf(name), this.block(['end']).nodes);
  }
}

function outputOrAssignment(words: ActionWords): Node {
  const before = words.copy();
  for (const sign of [':=', '='] as const) {
    const [name] = words.namesBefore(sign);
    if (name !== undefined)
      return { kind: 'assign', name, isDeclaration: sign === ':=', pipe: words.wholePipe() };
  }
  return { kind: 'output', pipe: before.wholePipe() };
}

/** The words of one action, read from the left to the right. */
class ActionWords {
  readonly #words: readonly Word[];
  readonly #line: number;
  #at: number;

  constructor(words: readonly Word[], line: number, at = 0) {
    this.#words = words;
    this.#line = line;
    this.#at = at;
  }

  get first(): string {
    return this.#words[this.#at]?.text ?? '';
  }

  copy(): ActionWords {
    return new ActionWords(this.#words, this.#line, this.#at);
  }

  take(): Word | undefined {
    return this.#words[this.#at++];
  }

  error(message: string): TemplateError {
    return new TemplateError(`line ${this.#line}: ${message}`);
  }

  /** `$a, $b :=`: the names, with the sign; nothing is read when it is something else. */
  namesBefore(sign: ':=' | '='): string[] {
    const at = this.#words.findIndex((word, index) => index >= this.#at && word.text === sign);
    const before = this.#words.slice(this.#at, Math.max(at, this.#at));
    const isList = before.every(({ kind, text }, index) =>
      index % 2 === 0 ? kind === 'variable' : text === ',',
    );
    if (at < 0 || before.length === 0 || !isList) return [];
    this.#at = at + 1;
    return before.filter(({ kind }) => kind === 'variable').map(({ text }) => text);
  }

  /** All words that are left, as a pipe. */
  wholePipe(): Pipe {
    const pipe = this.#pipe();
    if (this.#at < this.#words.length) throw this.error(`"${this.first}" is too much`);
    return pipe;
  }

  #pipe(): Pipe {
    const commands = [this.#command()];
    while (this.first === '|') {
      this.take();
      commands.push(this.#command());
    }
    return commands;
  }

  #command(): Command {
    const first = this.#operand();
    if (first === undefined) throw this.error('a value or a function is missing');
    const rest: Operand[] = [];
    for (let next = this.#operand(); next !== undefined; next = this.#operand()) rest.push(next);
    return [first, ...rest];
  }

  #operand(): Operand | undefined {
    const word = this.#words[this.#at];
    if (word === undefined || (word.kind === 'sign' && word.text !== '(')) return undefined;
    this.take();
    switch (word.kind) {
      case 'text':
        return { kind: 'literal', value: textOf(word) };
      case 'number':
        return { kind: 'literal', value: BigInt(word.text) };
      case 'name':
        return nameOperand(word.text);
      case 'variable':
        return this.#path({ kind: 'variable', name: word.text }, []);
      case 'field':
        return this.#path({ kind: 'dot' }, word.text === '.' ? [] : [word.text.slice(1)]);
      case 'sign': {
        const pipe = this.#pipe();
        if (this.take()?.text !== ')') throw this.error('")" is missing');
        return this.#path({ kind: 'pipe', pipe }, []);
      }
    }
  }

  #path(of: PathStart, fields: string[]): Operand {
    for (let word = this.#words[this.#at]; word?.kind === 'field' && word.isGlued;) {
      fields.push(word.text.slice(1));
      this.take();
      word = this.#words[this.#at];
    }
    return { kind: 'path', of, fields };
  }
}

function nameOperand(name: string): Operand {
  if (name === 'true' || name === 'false') return { kind: 'literal', value: name === 'true' };
  if (name === 'nil') return { kind: 'literal', value: null };
  return { kind: 'function', name };
}

/** What a text in quotes says: with escapes as JSON has them, or as it stands between back quotes. */
function textOf({ text }: Word): string {
  if (text.startsWith('`')) return text.slice(1, -1);
  const value: unknown = JSON.parse(text);
  return String(value);
}
