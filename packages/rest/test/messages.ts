import fc from 'fast-check';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { base64Decode, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { apiDescriptors } from '@quorate/wire';
import { routes, type FieldShape, type MessageShape } from '../src/index.ts';

/** The same descriptors as an independent reader of them sees them. */
export const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, base64Decode(apiDescriptors)));

/** All messages of all routes. */
export const messages: readonly MessageShape[] = allMessages();

function allMessages(): readonly MessageShape[] {
  const found = new Map<string, MessageShape>();
  const collect = (shape: MessageShape): void => {
    if (found.has(shape.name)) return;
    found.set(shape.name, shape);
    for (const field of shape.fields) if (field.message !== undefined) collect(field.message);
  };
  for (const { method } of routes) {
    collect(method.request);
    collect(method.response);
  }
  return [...found.values()];
}

/** Any message of this shape, in protobuf's bytes, with fields in the order in which they are declared. */
export function anyMessage(shape: MessageShape, depth = 0): fc.Arbitrary<Uint8Array> {
  const fields = shape.fields.filter((field) => field.message === undefined || depth < 3);
  return fc
    .tuple(...fields.map((field) => fc.option(anyField(field, depth), { nil: undefined })))
    .map((parts) => {
      const oneofs = new Set<string>();
      const kept = parts.filter((part, index) => {
        const oneof = fields[index]?.oneof;
        if (part === undefined) return false;
        if (oneof === undefined) return true;
        return !oneofs.has(oneof) && oneofs.add(oneof) !== undefined;
      });
      return Buffer.concat(kept.filter((part) => part !== undefined));
    });
}

function anyField(field: FieldShape, depth: number): fc.Arbitrary<Uint8Array> {
  const one = anyValue(field, depth);
  if (!field.isList) return one;
  return fc.array(one, { maxLength: 3 }).map((values) => Buffer.concat(values));
}

const anyInt64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, 1n, -1n),
);

/** A value with its tag. */
function anyValue(field: FieldShape, depth: number): fc.Arbitrary<Uint8Array> {
  const write = (fill: (writer: BinaryWriter) => void, wireType: WireType): Uint8Array => {
    const writer = new BinaryWriter().tag(field.number, wireType);
    fill(writer);
    return writer.finish();
  };
  const varint = (fill: (writer: BinaryWriter) => void): Uint8Array => write(fill, WireType.Varint);
  const bytes = (value: Uint8Array): Uint8Array => write((to) => to.bytes(value), WireType.LengthDelimited);
  switch (field.kind) {
    case 'message':
      return (
        field.message === undefined ? fc.constant(new Uint8Array()) : anyMessage(field.message, depth + 1)
      ).map(bytes);
    case 'bytes':
      return fc.uint8Array({ maxLength: 8 }).map(bytes);
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 8 }).map((text) => bytes(Buffer.from(text)));
    case 'bool':
      return fc.boolean().map((value) => varint((to) => to.bool(value)));
    case 'int64':
      return anyInt64.map((value) => varint((to) => to.int64(value)));
    case 'uint64':
      return anyInt64.map((value) => varint((to) => to.uint64(BigInt.asUintN(64, value))));
    case 'int32':
      return fc.integer().map((value) => varint((to) => to.int32(value)));
    case 'uint32':
      return fc.nat().map((value) => varint((to) => to.uint32(value)));
    case 'enum':
      return fc
        .constantFrom(...(field.enumeration?.nameOf.keys() ?? []), 77)
        .map((value) => varint((to) => to.int32(value)));
  }
}
