import { code, RestError } from './status.ts';

/** What a token of JSON is, by the byte it begins with. */
export type TokenKind = '{' | '}' | '[' | ']' | 'string' | 'number' | 'true' | 'false' | 'null';

const kindOf: readonly (TokenKind | undefined)[] = Array.from({ length: 128 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if ('{}[]'.includes(character)) return character as '{' | '}' | '[' | ']'; // It is one of the four.
  if (character === '"') return 'string';
  if (character === 't') return 'true';
  if (character === 'f') return 'false';
  if (character === 'n') return 'null';
  return '-0123456789'.includes(character) ? 'number' : undefined;
});

const quote = 0x22;
const backslash = 0x5c;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Where a token is in the bytes. */
export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
}

/**
 * Reads one JSON value, of which a `JsonScanner` has checked the grammar. What is wrong with what it says is told with
 * the place where it is, in the words of etcd.
 */
export class JsonReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The next token, which is not passed by. Commas and colons are no tokens. */
  peek(): TokenKind {
    for (; ; this.#position++) {
      const kind = kindOf[this.#bytes[this.#position] ?? 0];
      if (kind !== undefined) return kind;
      if (this.#position >= this.#bytes.length) throw endOfInput();
    }
  }

  /** The next token, which is passed by. */
  next(): Token {
    const kind = this.peek();
    const start = this.#position;
    this.#position = this.#endOf(kind, start);
    return { kind, start, end: this.#position };
  }

  /** The token as it was written. */
  raw({ start, end }: Token): string {
    return this.#bytes.toString('utf8', start, end);
  }

  /** What a string says. @throws RestError when it is no text */
  text(token: Token): string {
    const { start, end } = token;
    const inner = this.#bytes.subarray(start + 1, end - 1);
    const escaped = inner.includes(backslash);
    let text;
    try {
      text = strictUtf8.decode(inner);
    } catch {
      throw this.syntaxError(token, 'invalid UTF-8 in string');
    }
    if (!escaped) return text;
    this.#checkSurrogates(token);
    // The scanner has checked the escapes.
    return String(JSON.parse(`"${text}"`));
  }

  /** Passes by a value, whatever it is; strings in it have to be text, as all others. */
  skip(): void {
    let depth = 0;
    do {
      const token = this.next();
      if (token.kind === 'string') this.text(token);
      else if (token.kind === '{' || token.kind === '[') depth++;
      else if (token.kind === '}' || token.kind === ']') depth--;
    } while (depth > 0);
  }

  /** What a message says is not what is asked for. */
  error({ start }: Token, text: string): RestError {
    return new RestError(code.INVALID_ARGUMENT, `proto: ${this.#place(start)}: ${text}`);
  }

  /** JSON that is none of protobuf's. */
  syntaxError({ start }: Token, text: string): RestError {
    return new RestError(code.INVALID_ARGUMENT, `proto: syntax error ${this.#place(start)}: ${text}`);
  }

  unexpected(token: Token): RestError {
    return this.syntaxError(token, `unexpected token ${this.raw(token)}`);
  }

  #endOf(kind: TokenKind, start: number): number {
    switch (kind) {
      case 'string':
        return this.#endOfString(start);
      case 'number':
        return this.#endOfNumber(start);
      case 'true':
      case 'null':
        return start + 4;
      case 'false':
        return start + 5;
      default:
        return start + 1;
    }
  }

  #endOfString(start: number): number {
    for (let index = start + 1; ; index++) {
      index = this.#bytes.indexOf(quote, index);
      if (index < 0) throw endOfInput();
      let slashes = 0;
      while (this.#bytes[index - 1 - slashes] === backslash) slashes++;
      if (slashes % 2 === 0) return index + 1;
    }
  }

  #endOfNumber(start: number): number {
    let end = start;
    while (numberBytes[this.#bytes[end] ?? 0] === true) end++;
    return end;
  }

  /** A half of a pair of surrogates alone is no character. */
  #checkSurrogates(token: Token): void {
    const bytes = this.#bytes;
    for (let index = token.start + 1; index < token.end - 1; index++) {
      if (bytes[index] !== backslash) continue;
      const first = unitAt(bytes, index);
      if (first === undefined) {
        index++;
        continue;
      }
      index += 5;
      if (first < 0xd800 || first > 0xdfff) continue;
      const second = unitAt(bytes, index + 1);
      if (first < 0xdc00 && second !== undefined && second >= 0xdc00 && second <= 0xdfff) {
        index += 6;
        continue;
      }
      if (index + 7 > bytes.length) throw endOfInput();
      const next = JSON.stringify(bytes.toString('utf8', index + 1, index + 7));
      throw this.syntaxError(token, `invalid escape code ${next} in string`);
    }
  }

  #place(position: number): string {
    const before = this.#bytes.toString('utf8', 0, position);
    const lines = before.split('\n');
    return `(line ${lines.length}:${[...(lines.at(-1) ?? '')].length + 1})`;
  }
}

const numberBytes: readonly boolean[] = Array.from({ length: 256 }, (_, byte) =>
  '+-.0123456789eE'.includes(String.fromCharCode(byte)),
);

/** What `\uXXXX` at this place stands for; undefined when that is not what is there. */
function unitAt(bytes: Buffer, index: number): number | undefined {
  if (bytes[index] !== backslash || bytes[index + 1] !== 0x75) return undefined;
  return Number.parseInt(bytes.toString('latin1', index + 2, index + 6), 16);
}

function endOfInput(): RestError {
  return new RestError(code.INVALID_ARGUMENT, 'proto: unexpected EOF');
}
