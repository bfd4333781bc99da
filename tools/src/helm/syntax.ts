/** What a template is made of, as far as Go's templates are understood here. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly pipe: Pipe }
  | {
      readonly kind: 'assign';
      readonly name: string;
      readonly isDeclaration: boolean;
      readonly pipe: Pipe;
    }
  | {
      readonly kind: 'if';
      readonly pipe: Pipe;
      readonly then: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | {
      readonly kind: 'with';
      readonly pipe: Pipe;
      readonly then: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | {
      readonly kind: 'range';
      readonly names: readonly string[];
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** Commands that are joined by `|`: what one gives is the last argument of the next. */
export type Pipe = readonly Command[];

/** A function with its arguments, or one operand by itself. */
export type Command = readonly [Operand, ...Operand[]];

export type Operand =
  | { readonly kind: 'literal'; readonly value: string | bigint | boolean | null }
  | { readonly kind: 'function'; readonly name: string }
  /** `.a.b` of the dot, `$x.a.b` of a variable, `(…).a` of what is in brackets. */
  | { readonly kind: 'path'; readonly of: PathStart; readonly fields: readonly string[] };

export type PathStart =
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe };

/** A template that is wrong, or that asks for more of Go's templates than is understood here. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly code = 'TEMPLATE';
}
