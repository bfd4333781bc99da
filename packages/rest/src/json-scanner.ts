import { code, RestError } from './status.ts';

type State =
  | 'between'
  | 'value'
  | 'valueOrEnd'
  | 'key'
  | 'keyOrEnd'
  | 'colon'
  | 'next'
  | 'string'
  | 'escape'
  | 'hex'
  | 'minus'
  | 'zero'
  | 'integer'
  | 'point'
  | 'fraction'
  | 'exponent'
  | 'exponentDigit'
  | 'exponentDigits'
  | 'literal';

/** Objects and arrays within each other; etcd takes as many. */
const depthMax = 10_000;

const inObject = 1;
const inArray = 2;

const quote = 0x22;
const backslash = 0x5c;
const space = 0x20;

/**
 * Finds the JSON values in bytes that come in pieces, and checks that they are JSON: grammar only, as etcd does before
 * it looks at what they say, and with its words. What follows the values of a body that has enough of them is nobody's
 * concern, so each is handed out before the bytes behind it are looked at.
 */
export class JsonScanner {
  readonly #maxBytes: number;
  #state: State = 'between';
  readonly #open: number[] = [];
  /** Whether a string ends as the key of an object. */
  #isKey = false;
  #literal = '';
  #literalIndex = 0;
  #hexLeft = 0;
  /** What there is of a value whose end has not come. */
  #pieces: Uint8Array[] = [];
  #size = 0;

  /** Values of more bytes are refused. */
  constructor(options: { readonly maxBytes: number }) {
    this.#maxBytes = options.maxBytes;
  }

  /** The values that end in this piece. @throws RestError at the first byte that is not JSON */
  *push(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
    let start = 0;
    for (let index = 0; index < piece.length; index++) {
      const byte = piece[index] ?? 0;
      if (this.#state === 'between') {
        if (isSpace(byte)) continue;
        start = index;
        this.#state = 'value';
      }
      if (this.#state === 'string') {
        index = this.#insideString(piece, index);
        if (this.#isComplete) yield this.#take(piece.subarray(start, index + 1));
        continue;
      }
      // A number at the top ends only with the byte behind it, which is not its own.
      if (this.#step(byte) === 'endedBefore') {
        yield this.#take(piece.subarray(start, index));
        index--;
      } else if (this.#isComplete) {
        yield this.#take(piece.subarray(start, index + 1));
      }
    }
    if (this.#state !== 'between') this.#keep(piece.subarray(start));
  }

  /** The last value, if the end of all bytes ends one. @throws RestError when it ends too early */
  end(): Uint8Array | undefined {
    if (this.#state === 'between') return undefined;
    if (this.#open.length === 0 && isNumberEnd(this.#state)) return this.#take(new Uint8Array(0));
    throw new RestError(code.INVALID_ARGUMENT, 'unexpected EOF');
  }

  get #isComplete(): boolean {
    return this.#open.length === 0 && this.#state === 'next';
  }

  #take(last: Uint8Array): Uint8Array {
    this.#keep(last);
    const [first, ...rest] = this.#pieces;
    const value = first !== undefined && rest.length === 0 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#size = 0;
    this.#state = 'between';
    return value;
  }

  #keep(piece: Uint8Array): void {
    this.#size += piece.length;
    if (this.#size > this.#maxBytes) {
      const text = `received JSON larger than max (${this.#size} vs. ${this.#maxBytes})`;
      throw new RestError(code.RESOURCE_EXHAUSTED, text);
    }
    if (piece.length > 0) this.#pieces.push(piece);
  }

  /** Goes to the last byte of what is plain, or of the string. */
  #insideString(piece: Uint8Array, start: number): number {
    for (let index = start; index < piece.length; index++) {
      const byte = piece[index] ?? 0;
      if (byte === quote) {
        this.#state = this.#isKey ? 'colon' : 'next';
        this.#isKey = false;
        return index;
      }
      if (byte === backslash) {
        this.#state = 'escape';
        return index;
      }
      if (byte < space) throw unexpected(byte, 'in string literal');
    }
    return piece.length;
  }

  #step(byte: number): 'endedBefore' | undefined {
    switch (this.#state) {
      case 'between':
      case 'string':
        return undefined;
      case 'value':
        return isSpace(byte) ? undefined : this.#beginValue(byte);
      case 'valueOrEnd':
        if (isSpace(byte)) return undefined;
        return byte === 0x5d ? this.#close() : this.#beginValue(byte);
      case 'keyOrEnd':
        if (byte === 0x7d) return this.#close();
        return this.#beginKey(byte);
      case 'key':
        return this.#beginKey(byte);
      case 'colon':
        if (isSpace(byte)) return undefined;
        if (byte !== 0x3a) throw unexpected(byte, 'after object key');
        return this.#enter('value');
      case 'next':
        return isSpace(byte) ? undefined : this.#afterValue(byte);
      case 'escape':
        if (byte === 0x75) {
          this.#hexLeft = 4;
          return this.#enter('hex');
        }
        if (!'"\\/bfnrt'.includes(String.fromCharCode(byte))) throw unexpected(byte, 'in string escape code');
        return this.#enter('string');
      case 'hex':
        if (!isHex(byte)) throw unexpected(byte, 'in \\u hexadecimal character escape');
        return this.#enter(--this.#hexLeft === 0 ? 'string' : 'hex');
      case 'literal':
        return this.#inLiteral(byte);
      default:
        return this.#inNumber(this.#state, byte);
    }
  }

  #enter(state: State): undefined {
    this.#state = state;
  }

  #beginValue(byte: number): undefined {
    if (byte === quote) return this.#enter('string');
    if (byte === 0x7b) return this.#nest(byte, inObject, 'keyOrEnd');
    if (byte === 0x5b) return this.#nest(byte, inArray, 'valueOrEnd');
    if (byte === 0x2d) return this.#enter('minus');
    if (byte === 0x30) return this.#enter('zero');
    if (isDigit(byte)) return this.#enter('integer');
    const literal = { 0x74: 'true', 0x66: 'false', 0x6e: 'null' }[byte];
    if (literal === undefined) throw unexpected(byte, 'looking for beginning of value');
    this.#literal = literal;
    this.#literalIndex = 1;
    return this.#enter('literal');
  }

  #nest(byte: number, what: number, state: State): undefined {
    if (this.#open.push(what) > depthMax) throw unexpected(byte, 'exceeded max depth');
    this.#state = state;
  }

  #beginKey(byte: number): undefined {
    if (isSpace(byte)) return;
    if (byte !== quote) throw unexpected(byte, 'looking for beginning of object key string');
    this.#isKey = true;
    this.#state = 'string';
  }

  #close(): undefined {
    this.#open.pop();
    this.#state = 'next';
  }

  #afterValue(byte: number): undefined {
    if (this.#open.at(-1) === inObject) {
      if (byte === 0x7d) return this.#close();
      if (byte !== 0x2c) throw unexpected(byte, 'after object key:value pair');
      return this.#enter('key');
    }
    if (byte === 0x5d) return this.#close();
    if (byte !== 0x2c) throw unexpected(byte, 'after array element');
    return this.#enter('value');
  }

  #inLiteral(byte: number): undefined {
    const expected = this.#literal[this.#literalIndex] ?? '';
    if (byte !== expected.charCodeAt(0)) {
      throw unexpected(byte, `in literal ${this.#literal} (expecting '${expected}')`);
    }
    if (++this.#literalIndex === this.#literal.length) this.#state = 'next';
  }

  #inNumber(state: State, byte: number): 'endedBefore' | undefined {
    switch (state) {
      case 'minus':
        if (!isDigit(byte)) throw unexpected(byte, 'in numeric literal');
        return this.#enter(byte === 0x30 ? 'zero' : 'integer');
      case 'point':
        if (!isDigit(byte)) throw unexpected(byte, 'after decimal point in numeric literal');
        return this.#enter('fraction');
      case 'exponent':
        if (byte === 0x2b || byte === 0x2d) return this.#enter('exponentDigit');
        if (!isDigit(byte)) throw unexpected(byte, 'in exponent of numeric literal');
        return this.#enter('exponentDigits');
      case 'exponentDigit':
        if (!isDigit(byte)) throw unexpected(byte, 'in exponent of numeric literal');
        return this.#enter('exponentDigits');
      default:
        return this.#afterDigit(state, byte);
    }
  }

  #afterDigit(state: State, byte: number): 'endedBefore' | undefined {
    const isE = byte === 0x65 || byte === 0x45;
    if (isDigit(byte) && state !== 'zero') return undefined;
    if (byte === 0x2e && (state === 'zero' || state === 'integer')) return this.#enter('point');
    if (isE && state !== 'exponentDigits') return this.#enter('exponent');
    this.#state = 'next';
    if (this.#open.length === 0) return 'endedBefore';
    return isSpace(byte) ? undefined : this.#afterValue(byte);
  }
}

function isNumberEnd(state: State): boolean {
  return state === 'zero' || state === 'integer' || state === 'fraction' || state === 'exponentDigits';
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x61 && byte <= 0x66) || (byte >= 0x41 && byte <= 0x46);
}

function unexpected(byte: number, where: string): RestError {
  return new RestError(code.INVALID_ARGUMENT, `invalid character ${quoted(byte)} ${where}`);
}

const named = new Map([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x27, "\\'"],
  [0x5c, '\\\\'],
]);

/** A byte as Go prints a character of that number. */
function quoted(byte: number): string {
  const hex = byte.toString(16).padStart(2, '0');
  const text =
    named.get(byte) ??
    (byte < space || byte === 0x7f
      ? `\\x${hex}`
      : (byte >= 0x80 && byte <= 0xa0) || byte === 0xad
        ? `\\u00${hex}`
        : String.fromCharCode(byte));
  return `'${text}'`;
}
