import {
  fromBinary,
  fromJson as libraryFromJson,
  toBinary,
  toJson as libraryToJson,
} from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromJson, jsonPieces, toJson, type BytesForm, type MessageShape } from '../src/index.ts';
import { anyMessage, messages, registry } from './messages.ts';

const numRuns = 30;

function libraryType({ name }: MessageShape) {
  const type = registry.getMessage(name);
  if (type === undefined) throw new Error(`there is no ${name}`);
  return type;
}

test.each(messages)('$name as JSON is what the library for protobuf makes of it', (shape) => {
  const type = libraryType(shape);
  fc.assert(
    fc.property(anyMessage(shape), (bytes) => {
      const expected = libraryToJson(type, fromBinary(type, bytes), { useProtoFieldName: true });
      expect(JSON.parse(toJson(shape, bytes, { bytes: 'base64', escapesHtml: false }))).toEqual(expected);
    }),
    { numRuns },
  );
});

test.each(messages)('$name is the same after a way through JSON and back, base64 or text', (shape) => {
  const type = libraryType(shape);
  fc.assert(
    fc.property(
      anyMessage(shape),
      fc.constantFrom<BytesForm>('base64', 'text'),
      fc.boolean(),
      (bytes, form, escapesHtml) => {
        const json = toJson(shape, bytes, { bytes: form, escapesHtml });
        const back = fromJson(shape, Buffer.from(json), form);
        expect(toBinary(type, fromBinary(type, back))).toEqual(toBinary(type, fromBinary(type, bytes)));
      },
    ),
    { numRuns },
  );
});

test.each(messages)('$name is read from both kinds of names, with enums by name or number', (shape) => {
  const type = libraryType(shape);
  fc.assert(
    fc.property(anyMessage(shape), fc.boolean(), fc.boolean(), (bytes, useProtoFieldName, enumAsInteger) => {
      const message = fromBinary(type, bytes);
      const json = JSON.stringify(libraryToJson(type, message, { useProtoFieldName, enumAsInteger }));
      const back = fromBinary(type, fromJson(shape, Buffer.from(json), 'base64'));
      expect(back).toEqual(libraryFromJson(type, libraryToJson(type, message)));
    }),
    { numRuns },
  );
});

test.each(messages)('$name in pieces is the same as at once', (shape) => {
  fc.assert(
    fc.property(anyMessage(shape), (bytes) => {
      const form = { bytes: 'base64', escapesHtml: false } as const;
      expect([...jsonPieces(shape, bytes, form, { wholeBytesMax: 4 })].join('')).toBe(
        toJson(shape, bytes, form),
      );
    }),
    { numRuns },
  );
});
