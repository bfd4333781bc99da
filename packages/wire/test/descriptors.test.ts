import {
  getOption,
  ScalarType,
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescMessage,
  type DescMethod,
  type FileRegistry,
  type Message,
} from '@bufbuild/protobuf';
import { FieldDescriptorProto_Label } from '@bufbuild/protobuf/wkt';
import { invariant } from '@quorate/std';
import { expect, test } from 'vitest';
import { loadDescriptors } from './support/descriptors.ts';
import { factLines, loadWireFacts } from './support/wire-facts.ts';

// The .proto files are written by hand; what they must say is held in facts taken from etcd.

const descriptors = loadDescriptors();
const expected = factLines(loadWireFacts());
const actual = descriptorLines(descriptors);

test('the facts are many enough to be worth the comparison', () => {
  const kinds = ['message', 'field', 'enum', 'rpc', 'extension', 'reserved'];
  const counts = kinds.map((kind) => expected.filter((line) => line.startsWith(`${kind} `)).length);
  expect(counts.every((count) => count > 0)).toBe(true);
  expect(expected.length).toBeGreaterThan(600);
});

test('the .proto files have everything that etcd has', () => {
  expect(expected.filter((line) => !actual.includes(line))).toEqual([]);
});

test('the .proto files have nothing that etcd does not have', () => {
  expect(actual.filter((line) => !expected.includes(line))).toEqual([]);
});

test('fields stand in the order of their numbers, which is the order that they are written in', () => {
  for (const type of descriptors) {
    if (type.kind !== 'message' || type.typeName.startsWith('google.')) continue;
    const numbers = type.fields.map(({ number }) => number);
    expect(numbers, type.typeName).toEqual(numbers.toSorted((a, b) => a - b));
  }
});

/** The same lines as those of the facts, from what protoc has read. */
function descriptorLines(registry: FileRegistry): string[] {
  const lines: string[] = [];
  for (const file of registry.files) {
    if (file.name.startsWith('google/')) continue;
    const syntax = file.proto.syntax === '' ? 'proto2' : file.proto.syntax;
    lines.push(`file ${file.name}.proto ${syntax} ${file.proto.package}`);
    for (const type of file.enums) lines.push(...enumLines(type));
    for (const type of file.messages) lines.push(...messageLines(type));
    for (const extension of file.extensions) {
      lines.push(`extension of ${extension.extendee.typeName}: ${fieldText(extension)}`);
    }
    for (const service of file.services) {
      for (const method of service.methods) {
        lines.push(`rpc ${service.typeName}.${method.name}${rpcText(method)}`);
      }
    }
  }
  return lines.sort();
}

function enumLines(type: DescEnum): string[] {
  return type.values.map(({ name, number }) => `enum ${type.typeName}: ${name} = ${number}`);
}

function messageLines(type: DescMessage): string[] {
  const { typeName, fields, nestedEnums, nestedMessages, proto } = type;
  // A range ends before `end`.
  const numbers = proto.reservedRange.map(({ start, end }) =>
    end === start + 1 ? `${start}` : `${start}..`,
  );
  return [
    `message ${typeName}`,
    ...fields.map((field) => `field of ${typeName}: ${fieldText(field)}`),
    ...[...numbers, ...proto.reservedName].map((text) => `reserved in ${typeName}: ${text}`),
    ...nestedEnums.flatMap(enumLines),
    ...nestedMessages.flatMap(messageLines),
  ];
}

function fieldText(field: DescField | DescExtension): string {
  const union = field.oneof === undefined ? '' : ` in ${field.oneof.name}`;
  return `${field.name} = ${field.number} ${labelText(field)} ${typeText(field)}${union}`;
}

function labelText(field: DescField | DescExtension): string {
  if (field.fieldKind === 'map') return 'single';
  if (field.proto.label === FieldDescriptorProto_Label.REPEATED) return 'repeated';
  const explicit = field.proto.proto3Optional || field.parent?.file.proto.syntax === '';
  return explicit || field.kind === 'extension' ? 'optional' : 'single';
}

function typeText(field: DescField | DescExtension): string {
  if (field.fieldKind === 'map') {
    const value = field.message ?? field.enum;
    return `map<${scalarText(field.mapKey)}, ${value === undefined ? scalarText(field.scalar) : value.typeName}>`;
  }
  if (field.message !== undefined) return field.message.typeName;
  if (field.enum !== undefined) return field.enum.typeName;
  return scalarText(field.scalar);
}

function scalarText(type: ScalarType | undefined): string {
  invariant(type !== undefined, 'a field is a message, an enum or a scalar');
  return ScalarType[type].toLowerCase();
}

function rpcText(method: DescMethod): string {
  const request = (isStream(method, 'client') ? 'stream ' : '') + method.input.typeName;
  const response = (isStream(method, 'server') ? 'stream ' : '') + method.output.typeName;
  return ` (${request}) returns (${response})${routesOf(method).join()}`;
}

function isStream({ methodKind }: DescMethod, side: 'client' | 'server'): boolean {
  return methodKind === 'bidi_streaming' || methodKind === `${side}_streaming`;
}

/** google.api.HttpRule, as far as etcd uses it. */
interface HttpRule extends Message {
  readonly pattern: { readonly case: string; readonly value: string };
  readonly body: string;
  readonly additionalBindings: readonly HttpRule[];
}

function routesOf(method: DescMethod): string[] {
  const extension = descriptors.getExtension('google.api.http');
  invariant(extension !== undefined, 'the annotation of routes is imported');
  if (method.proto.options === undefined) return [];
  // The extension's type is known from proto/google/api/http.proto only.
  const rule = getOption(method, extension) as HttpRule;
  if (rule.pattern.case === undefined) return [];
  return [rule, ...rule.additionalBindings].map(
    ({ pattern, body }) => ` ${pattern.case.toUpperCase()} ${pattern.value} body ${body}`,
  );
}
