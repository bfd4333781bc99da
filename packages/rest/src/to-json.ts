import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { BytesForm } from './from-json.ts';
import type { FieldShape, MessageShape } from './shapes.ts';

/** How JSON is written. */
export interface JsonForm {
  readonly bytes: BytesForm;
  /** Whether what means something in HTML is escaped, as etcd does on streams. */
  readonly escapesHtml: boolean;
}

/** Longer messages are written in pieces. */
const pieceBytes = 32 * 1024;

const anyUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A message in protobuf's bytes as JSON: as grpc-gateway writes it for etcd, but without its spaces. */
export function toJson(shape: MessageShape, bytes: Uint8Array, form: JsonForm): string {
  return messageText(shape, new BinaryReader(bytes), bytes.length, form);
}

/** The same in pieces, so that whoever writes a long answer can do other things in between. */
export function* jsonPieces(
  shape: MessageShape,
  bytes: Uint8Array,
  form: JsonForm,
  { wholeBytesMax } = { wholeBytesMax: pieceBytes },
): Generator<string, void, undefined> {
  if (bytes.length <= wholeBytesMax) return yield toJson(shape, bytes, form);
  const fields = fieldsOf(shape, bytes);
  let open = '{';
  let last: FieldShape | undefined;
  for (const { field, start, end, isPackedList } of fields) {
    if (field !== last) {
      yield `${last?.isList === true ? ']' : ''}${open}"${field.name}":${field.isList ? '[' : ''}`;
    } else {
      yield ',';
    }
    open = ',';
    last = field;
    const value = bytes.subarray(start, end);
    if (field.message !== undefined) yield* jsonPieces(field.message, value, form, { wholeBytesMax });
    else if (isPackedList) yield packedText(field, new BinaryReader(value), form);
    else yield scalarText(field, new BinaryReader(value), form);
  }
  yield `${last?.isList === true ? ']' : ''}${last === undefined ? '{' : ''}}`;
}

interface FieldBytes {
  readonly field: FieldShape;
  readonly start: number;
  readonly end: number;
  readonly isPackedList: boolean;
}

/** Where the values of a message are, in the order in which it declares its fields. */
function fieldsOf(shape: MessageShape, bytes: Uint8Array): FieldBytes[] {
  const found: FieldBytes[][] = shape.fields.map(() => []);
  const reader = new BinaryReader(bytes);
  while (reader.pos < bytes.length) {
    const [number, wireType] = reader.tag();
    const field = shape.byNumber.get(number);
    const position = reader.pos;
    if (field?.message !== undefined) {
      const length = reader.uint32();
      const start = reader.pos;
      reader.pos += length;
      found[field.index]?.push({ field, start, end: reader.pos, isPackedList: false });
    } else {
      reader.skip(wireType, number);
      if (field !== undefined && !isZero(field, bytes, position, reader.pos)) {
        const isPackedList = field.isPacked && wireType === WireType.LengthDelimited;
        found[field.index]?.push({ field, start: position, end: reader.pos, isPackedList });
      }
    }
  }
  return found.flatMap((values, index) => (shape.fields[index]?.isList === true ? values : values.slice(-1)));
}

function isZero(field: FieldShape, bytes: Uint8Array, start: number, end: number): boolean {
  return end === start + 1 && bytes[start] === 0 && isLeftOutWhenZero(field);
}

function messageText(shape: MessageShape, reader: BinaryReader, end: number, form: JsonForm): string {
  const values: (string | undefined)[] = new Array<string | undefined>(shape.fields.length);
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const field = shape.byNumber.get(number);
    if (field === undefined) {
      reader.skip(wireType, number);
      continue;
    }
    const isPackedList = field.isPacked && wireType === WireType.LengthDelimited;
    const text = isPackedList ? packedText(field, reader, form) : valueText(field, reader, form);
    if (text === '') continue;
    const before = values[field.index];
    values[field.index] = field.isList && before !== undefined ? `${before},${text}` : text;
  }
  let json = '';
  for (const [index, value] of values.entries()) {
    const field = shape.fields[index];
    if (value === undefined || field === undefined) continue;
    json += `${json === '' ? '{' : ','}"${field.name}":${field.isList ? `[${value}]` : value}`;
  }
  return json === '' ? '{}' : `${json}}`;
}

/** Nothing for what is left out because it is zero. */
function valueText(field: FieldShape, reader: BinaryReader, form: JsonForm): string {
  if (field.message !== undefined) {
    const length = reader.uint32();
    return messageText(field.message, reader, reader.pos + length, form);
  }
  const text = scalarText(field, reader, form);
  return isLeftOutWhenZero(field) && text === zeroText(field) ? '' : text;
}

function packedText(field: FieldShape, reader: BinaryReader, form: JsonForm): string {
  const length = reader.uint32();
  const end = reader.pos + length;
  const texts: string[] = [];
  while (reader.pos < end) texts.push(scalarText(field, reader, form));
  return texts.join(',');
}

function isLeftOutWhenZero({ isList, oneof, message }: FieldShape): boolean {
  return !isList && oneof === undefined && message === undefined;
}

function zeroText({ kind, enumeration }: FieldShape): string {
  switch (kind) {
    case 'bool':
      return 'false';
    case 'int32':
    case 'uint32':
      return '0';
    case 'int64':
    case 'uint64':
      return '"0"';
    case 'enum':
      return `"${enumeration?.nameOf.get(0) ?? ''}"`;
    case 'string':
    case 'bytes':
      return '""';
    case 'message':
      return '';
  }
}

function scalarText(field: FieldShape, reader: BinaryReader, form: JsonForm): string {
  switch (field.kind) {
    case 'bytes':
      return bytesText(reader.bytes(), form);
    case 'string':
      return quoted(anyUtf8.decode(reader.bytes()), form);
    case 'bool':
      return String(reader.bool());
    case 'int32':
      return String(reader.int32());
    case 'uint32':
      return String(reader.uint32());
    case 'int64':
      return `"${reader.int64()}"`;
    case 'uint64':
      return `"${reader.uint64()}"`;
    case 'enum': {
      const number = reader.int32();
      const name = field.enumeration?.nameOf.get(number);
      return name === undefined ? String(number) : `"${name}"`;
    }
    case 'message':
      return '{}';
  }
}

function bytesText(bytes: Uint8Array, form: JsonForm): string {
  const { buffer, byteOffset, length } = bytes;
  const base64 = (): string => Buffer.from(buffer, byteOffset, length).toString('base64');
  if (form.bytes === 'base64') return `"${base64()}"`;
  try {
    return quoted(strictUtf8.decode(bytes), form);
  } catch {
    return `{"base64":"${base64()}"}`;
  }
}

const meansSomethingInHtml = /[<>&\u2028\u2029]/g;

function quoted(text: string, { escapesHtml }: JsonForm): string {
  const json = JSON.stringify(text);
  if (!escapesHtml) return json;
  return json.replace(
    meansSomethingInHtml,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
