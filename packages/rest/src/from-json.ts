import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { JsonReader, type Token } from './json-reader.ts';
import { parseBase64, parseInteger, type IntegerKind } from './json-values.ts';
import type { FieldShape, MessageShape } from './shapes.ts';
import { code, RestError } from './status.ts';

/** How bytes are written in JSON: as base64, as everywhere in etcd, or as text where they are text. */
export type BytesForm = 'base64' | 'text';

/** Messages within each other. etcd takes more, but has no use for them. */
const depthMax = 100;

/**
 * The message that JSON describes, in protobuf's bytes. As grpc-gateway does it for etcd: fields by either name, unknown
 * ones and unknown names of enums passed over, null for what is left out.
 *
 * @throws RestError INVALID_ARGUMENT, in etcd's words
 */
export function fromJson(shape: MessageShape, json: Uint8Array, bytesForm: BytesForm): Uint8Array {
  const writer = new BinaryWriter();
  new MessageParser(new JsonReader(json), writer, bytesForm).message(shape, 1);
  return writer.finish();
}

class MessageParser {
  readonly #reader: JsonReader;
  readonly #writer: BinaryWriter;
  readonly #bytesForm: BytesForm;

  constructor(reader: JsonReader, writer: BinaryWriter, bytesForm: BytesForm) {
    this.#reader = reader;
    this.#writer = writer;
    this.#bytesForm = bytesForm;
  }

  message(shape: MessageShape, depth: number): void {
    if (depth > depthMax) throw new RestError(code.INVALID_ARGUMENT, 'proto: exceeded max recursion depth');
    const reader = this.#reader;
    const open = reader.next();
    if (open.kind !== '{') throw reader.unexpected(open);
    const seen = new Set<FieldShape | string>();
    for (let name = reader.next(); name.kind !== '}'; name = reader.next()) {
      const field = shape.byName.get(reader.text(name));
      if (field === undefined) {
        reader.skip();
        continue;
      }
      if (seen.has(field)) throw reader.error(name, `duplicate field ${reader.raw(name)}`);
      seen.add(field);
      if (reader.peek() === 'null') {
        reader.skip();
      } else if (field.isList) {
        this.#list(field, depth);
      } else {
        this.#checkOneof(field, name, seen);
        this.#single(field, depth);
      }
    }
  }

  #checkOneof({ oneof }: FieldShape, name: Token, seen: Set<FieldShape | string>): void {
    if (oneof === undefined) return;
    const { error, raw } = { error: this.#reader.error.bind(this.#reader), raw: this.#reader.raw(name) };
    if (seen.has(oneof)) throw error(name, `error parsing ${raw}, oneof ${oneof} is already set`);
    seen.add(oneof);
  }

  #list(field: FieldShape, depth: number): void {
    const open = this.#reader.next();
    if (open.kind !== '[') throw this.#reader.unexpected(open);
    while (this.#reader.peek() !== ']') this.#single(field, depth);
    this.#reader.next();
  }

  #single(field: FieldShape, depth: number): void {
    if (field.message !== undefined) {
      this.#writer.tag(field.number, WireType.LengthDelimited).fork();
      this.message(field.message, depth + 1);
      this.#writer.join();
    } else if (field.kind === 'bytes') {
      this.#bytes(field);
    } else {
      this.#scalar(field, this.#reader.next());
    }
  }

  #scalar(field: FieldShape, token: Token): void {
    const { kind } = field;
    switch (kind) {
      case 'string':
        if (token.kind !== 'string') throw this.#invalid(field, token);
        return this.#text(field, this.#reader.text(token));
      case 'bool':
        if (token.kind !== 'true' && token.kind !== 'false') throw this.#invalid(field, token);
        return this.#varint(field, token.kind === 'true' ? 1n : 0n);
      case 'enum':
        return this.#enumeration(field, token);
      case 'int32':
      case 'int64':
      case 'uint32':
      case 'uint64':
        return this.#varint(field, this.#integer(field, token, kind));
      case 'bytes':
      case 'message':
        throw this.#invalid(field, token);
    }
  }

  /** A name that is not known is passed over, like a field that is not. */
  #enumeration(field: FieldShape, token: Token): void {
    if (token.kind !== 'string') return this.#varint(field, this.#integer(field, token, 'int32'));
    const number = field.enumeration?.numberOf.get(this.#reader.text(token));
    if (number !== undefined) this.#varint(field, BigInt(number));
  }

  #integer(field: FieldShape, token: Token, kind: IntegerKind): bigint {
    const isString = token.kind === 'string' && field.kind !== 'enum';
    if (token.kind !== 'number' && !isString) throw this.#invalid(field, token);
    const text = isString ? this.#reader.text(token) : this.#reader.raw(token);
    const value = parseInteger(text, kind);
    if (value === undefined) throw this.#invalid(field, token);
    return value;
  }

  #bytes(field: FieldShape): void {
    const asText = this.#bytesForm === 'text';
    const { bytes, token } =
      asText && this.#reader.peek() === '{' ? this.#bytesInObject() : this.#bytesInString(asText);
    if (bytes === undefined) throw this.#invalid(field, token);
    if (bytes.length > 0 || isWrittenWhenZero(field)) {
      this.#writer.tag(field.number, WireType.LengthDelimited).bytes(bytes);
    }
  }

  #bytesInString(asText: boolean): { readonly bytes: Buffer | undefined; readonly token: Token } {
    const token = this.#reader.next();
    if (token.kind !== 'string') return { bytes: undefined, token };
    const text = this.#reader.text(token);
    return { bytes: asText ? Buffer.from(text) : parseBase64(text), token };
  }

  /** `{"base64": "…"}`: how bytes that are no text are written where others are written as text. */
  #bytesInObject(): { readonly bytes: Buffer | undefined; readonly token: Token } {
    const open = this.#reader.next();
    const name = this.#reader.next();
    if (name.kind !== 'string' || this.#reader.text(name) !== 'base64') {
      return { bytes: undefined, token: open };
    }
    const value = this.#bytesInString(false);
    return this.#reader.next().kind === '}' ? value : { bytes: undefined, token: open };
  }

  #text(field: FieldShape, text: string): void {
    if (text === '' && !isWrittenWhenZero(field)) return;
    this.#writer.tag(field.number, WireType.LengthDelimited).string(text);
  }

  #varint(field: FieldShape, value: bigint): void {
    if (value === 0n && !isWrittenWhenZero(field)) return;
    this.#writer.tag(field.number, WireType.Varint);
    // Negative numbers of 32 bits are written like those of 64.
    if (value < 0n) this.#writer.int64(value);
    else this.#writer.uint64(value);
  }

  #invalid(field: FieldShape, token: Token): RestError {
    const text = `invalid value for ${field.kind} field ${field.jsonName}: ${this.#reader.raw(token)}`;
    return this.#reader.error(token, text);
  }
}

/** Zero tells something only in a list, or where it says which field of a group is set. */
function isWrittenWhenZero({ isList, oneof }: FieldShape): boolean {
  return isList || oneof !== undefined;
}
