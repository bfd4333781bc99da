import { functions } from './functions.ts';
import { TemplateError, type Command, type Node, type Operand, type Pipe } from './syntax.ts';
import { fieldOf, isDict, isTrue, Method, printed } from './values.ts';

/** Templates by their names: those that `include` finds. */
export type Templates = ReadonlyMap<string, readonly Node[]>;

const depthMax = 100;

/**
 * What a template gives for this dot, with Go's rules for truth, scopes and nothing.
 *
 * @throws TemplateError
 */
export function evaluate(
  nodes: readonly Node[],
  {
    dot,
    templates,
    depth = 0,
  }: { readonly dot: unknown; readonly templates: Templates; readonly depth?: number },
): string {
  if (depth > depthMax) throw new TemplateError('templates include each other without end');
  return new Evaluation(templates, depth).block(nodes, { dot, scope: new Scope(undefined, [['$', dot]]) });
}

interface Place {
  readonly dot: unknown;
  readonly scope: Scope;
}

/** Variables, and those around them. */
class Scope {
  readonly #outer: Scope | undefined;
  readonly #values: Map<string, unknown>;

  constructor(outer: Scope | undefined, values: readonly (readonly [string, unknown])[] = []) {
    this.#outer = outer;
    this.#values = new Map(values);
  }

  get(name: string): unknown {
    if (this.#values.has(name)) return this.#values.get(name);
    if (this.#outer === undefined) throw new TemplateError(`undefined variable "${name}"`);
    return this.#outer.get(name);
  }

  declare(name: string, value: unknown): void {
    this.#values.set(name, value);
  }

  assign(name: string, value: unknown): void {
    if (this.#values.has(name)) this.#values.set(name, value);
    else if (this.#outer === undefined) throw new TemplateError(`undefined variable "${name}"`);
    else this.#outer.assign(name, value);
  }
}

class Evaluation {
  readonly #templates: Templates;
  readonly #depth: number;

  constructor(templates: Templates, depth: number) {
    this.#templates = templates;
    this.#depth = depth;
  }

  block(nodes: readonly Node[], place: Place): string {
    return nodes.map((node) => this.#node(node, place)).join('');
  }

  #node(node: Node, place: Place): string {
    switch (node.kind) {
      case 'text':
        return node.text;
      case 'output':
        return printed(this.#pipe(node.pipe, place));
      case 'assign': {
        const value = this.#pipe(node.pipe, place);
        if (node.isDeclaration) place.scope.declare(node.name, value);
        else place.scope.assign(node.name, value);
        return '';
      }
      case 'if': {
        const branch = isTrue(this.#pipe(node.pipe, place)) ? node.then : node.otherwise;
        return this.block(branch, { dot: place.dot, scope: new Scope(place.scope) });
      }
      case 'with': {
        const value = this.#pipe(node.pipe, place);
        const scope = new Scope(place.scope);
        return isTrue(value)
          ? this.block(node.then, { dot: value, scope })
          : this.block(node.otherwise, { dot: place.dot, scope });
      }
      case 'range':
        return this.#range(node, place);
    }
  }

  #range(node: Node & { readonly kind: 'range' }, place: Place): string {
    const entries = entriesOf(this.#pipe(node.pipe, place));
    if (entries.length === 0) {
      return this.block(node.otherwise, { dot: place.dot, scope: new Scope(place.scope) });
    }
    return entries
      .map(([key, value]) => {
        const scope = new Scope(place.scope);
        const [first, second] = node.names;
        // One name alone is the value's, two are the key's and the value's.
        if (first !== undefined) scope.declare(first, second === undefined ? value : key);
        if (second !== undefined) scope.declare(second, value);
        return this.block(node.body, { dot: value, scope });
      })
      .join('');
  }

  #pipe(pipe: Pipe, place: Place): unknown {
    const [first, ...rest] = pipe;
    if (first === undefined) throw new TemplateError('an empty pipe');
    let value = this.#command(first, place, []);
    for (const command of rest) value = this.#command(command, place, [value]);
    return value;
  }

  #command([first, ...rest]: Command, place: Place, piped: readonly unknown[]): unknown {
    const args = (): unknown[] => [...rest.map((operand) => this.#operand(operand, place)), ...piped];
    if (first.kind === 'function') {
      switch (first.name) {
        case 'and':
        case 'or':
          return this.#choose(first.name, rest, place, piped);
        case 'include':
          return this.#include(args());
        default:
          return functionNamed(first.name)(...args());
      }
    }
    const value = this.#operand(first, place);
    if (value instanceof Method) return value.call(...args());
    if (rest.length + piped.length > 0) throw new TemplateError("can't give argument to non-function");
    return value;
  }

  /** The first argument that decides, or the last one; those behind it are not evaluated. */
  #choose(
    name: 'and' | 'or',
    operands: readonly Operand[],
    place: Place,
    piped: readonly unknown[],
  ): unknown {
    const thunks = [
      ...operands.map((operand) => () => this.#operand(operand, place)),
      ...piped.map((value) => () => value),
    ];
    let value: unknown;
    for (const thunk of thunks) {
      value = thunk();
      if (isTrue(value) === (name === 'or')) break;
    }
    return value;
  }

  #include([name, dot]: readonly unknown[]): string {
    const nodes = this.#templates.get(printed(name));
    if (nodes === undefined) throw new TemplateError(`no template "${printed(name)}"`);
    return evaluate(nodes, { dot, templates: this.#templates, depth: this.#depth + 1 });
  }

  #operand(operand: Operand, place: Place): unknown {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'function':
        return this.#command([operand], place, []);
      case 'path': {
        let value = this.#start(operand, place);
        for (const field of operand.fields) value = fieldOf(value, field);
        return value;
      }
    }
  }

  #start({ of }: Operand & { readonly kind: 'path' }, place: Place): unknown {
    switch (of.kind) {
      case 'dot':
        return place.dot;
      case 'variable':
        return place.scope.get(of.name);
      case 'pipe':
        return this.#pipe(of.pipe, place);
    }
  }
}

function functionNamed(name: string) {
  const known = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (known === undefined) throw new TemplateError(`function "${name}" is not understood here`);
  return known;
}

/** What `range` goes over: a list, or a dictionary in the order of its keys. */
function entriesOf(value: unknown): (readonly [unknown, unknown])[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.map((item: unknown, index) => [BigInt(index), item] as const);
  if (isDict(value)) {
    return Object.keys(value)
      .sort()
      .map((key) => [key, value[key]] as const);
  }
  throw new TemplateError(`range can't iterate over ${JSON.stringify(printed(value))}`);
}
