import {
  createFileRegistry,
  fromBinary,
  ScalarType,
  type DescField,
  type DescMessage,
} from '@bufbuild/protobuf';
import { base64Decode } from '@bufbuild/protobuf/wire';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { invariant } from '@quorate/std';
import { apiDescriptors } from '@quorate/wire';

/** A type that etcd's API uses for fields. */
export type FieldKind =
  'bool' | 'string' | 'bytes' | 'int32' | 'int64' | 'uint32' | 'uint64' | 'enum' | 'message';

/** What a field is, as JSON and protobuf have to know it. */
export interface FieldShape {
  readonly name: string;
  readonly jsonName: string;
  readonly number: number;
  /** Its place in the order in which the message declares its fields; JSON is written in this order. */
  readonly index: number;
  readonly kind: FieldKind;
  readonly isList: boolean;
  readonly isPacked: boolean;
  /** The full name of the group of fields of which at most one is set. */
  readonly oneof: string | undefined;
  readonly enumeration: EnumShape | undefined;
  readonly message: MessageShape | undefined;
}

/** The numbers of an enum and their names. */
export interface EnumShape {
  readonly name: string;
  readonly numberOf: ReadonlyMap<string, number>;
  readonly nameOf: ReadonlyMap<number, string>;
}

/** A message and its fields, in the order of the proto file. */
export interface MessageShape {
  /** With its package, like `mvccpb.KeyValue`. */
  readonly name: string;
  readonly fields: readonly FieldShape[];
  readonly byNumber: ReadonlyMap<number, FieldShape>;
  /** By both names: that of the proto file and that of JSON. */
  readonly byName: ReadonlyMap<string, FieldShape>;
}

/** A method and its messages. */
export interface MethodShape {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly service: string;
  readonly rpc: string;
  readonly request: MessageShape;
  readonly response: MessageShape;
  readonly clientStreams: boolean;
  readonly serverStreams: boolean;
}

const kinds = new Map<ScalarType, FieldKind>([
  [ScalarType.BOOL, 'bool'],
  [ScalarType.STRING, 'string'],
  [ScalarType.BYTES, 'bytes'],
  [ScalarType.INT32, 'int32'],
  [ScalarType.INT64, 'int64'],
  [ScalarType.UINT32, 'uint32'],
  [ScalarType.UINT64, 'uint64'],
]);

/** The messages and methods of clients, read once from what was generated from the proto files. */
class Shapes {
  readonly #registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, base64Decode(apiDescriptors)));
  readonly #messages = new Map<string, MessageShape>();

  /** A method by the name of its service, with the package, and its own. */
  method(service: string, rpc: string): MethodShape {
    const method = this.#registry.getService(service)?.methods.find(({ name }) => name === rpc);
    invariant(method !== undefined, 'a route leads to a method of the API');
    return {
      path: `/${service}/${rpc}`,
      service,
      rpc,
      request: this.#message(method.input),
      response: this.#message(method.output),
      clientStreams: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
      serverStreams: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    };
  }

  #message(descriptor: DescMessage): MessageShape {
    const known = this.#messages.get(descriptor.typeName);
    if (known !== undefined) return known;
    const fields: FieldShape[] = [];
    const byNumber = new Map<number, FieldShape>();
    const byName = new Map<string, FieldShape>();
    const shape = { name: descriptor.typeName, fields, byNumber, byName };
    // Before its fields are looked at: a transaction may hold transactions.
    this.#messages.set(shape.name, shape);
    for (const [index, field] of descriptor.fields.entries()) {
      const fieldShape = this.#field(field, index);
      fields.push(fieldShape);
      byNumber.set(field.number, fieldShape);
      byName.set(field.name, fieldShape).set(field.jsonName, fieldShape);
    }
    return shape;
  }

  #field(field: DescField, index: number): FieldShape {
    const { scalar, message, enum: enumeration, oneof } = field;
    const kind =
      message !== undefined ? 'message' : enumeration !== undefined ? 'enum' : kinds.get(scalar ?? 0);
    invariant(kind !== undefined && field.fieldKind !== 'map', 'the API has no maps and no floating point');
    return {
      name: field.name,
      jsonName: field.jsonName,
      number: field.number,
      index,
      kind,
      isList: field.fieldKind === 'list',
      isPacked: field.fieldKind === 'list' && field.packed,
      oneof: oneof === undefined ? undefined : `${field.parent.typeName}.${oneof.name}`,
      enumeration: enumeration && {
        name: enumeration.typeName,
        numberOf: new Map(enumeration.values.map(({ name, number }) => [name, number])),
        nameOf: new Map(enumeration.values.map(({ name, number }) => [number, name])),
      },
      message: message && this.#message(message),
    };
  }
}

/** The shapes of etcd's whole API. */
export const shapes = new Shapes();
