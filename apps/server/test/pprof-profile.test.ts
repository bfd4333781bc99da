import fc from 'fast-check';
import type { Profiler } from 'node:inspector';
import { describe, expect, test } from 'vitest';
import type { Frame } from '../src/debug/pprof-profile.ts';
import { ProtobufWriter } from '../src/debug/protobuf-writer.ts';
import { cpuProfileToPprof, heapProfileToPprof, type HeapNode } from '../src/debug/v8-profiles.ts';
import { ProtobufMessage } from './protobuf-message.ts';

const frame = (functionName: string, lineNumber = 0): Frame => ({
  ...{ functionName, lineNumber, columnNumber: 0, scriptId: '1', url: 'file:///app/kv.ts' },
});

/** What a profile says: samples as stacks of names from the inside, with their values. */
function read(bytes: Uint8Array) {
  const profile = ProtobufMessage.of(Buffer.from(bytes));
  const strings = profile.texts(6);
  const textOf = (message: ProtobufMessage | undefined, field: number): string =>
    strings[Number(message?.integer(field) ?? 0n)] ?? '';
  const functions = new Map(profile.messages(5).map((f) => [f.integer(1), f]));
  const locations = new Map(profile.messages(4).map((l) => [Number(l.integer(1)), l]));
  const functionAt = (id: number) => functions.get(locations.get(id)?.messages(4)[0]?.integer(1) ?? -1n);
  return {
    types: profile.messages(1).map((type) => [textOf(type, 1), textOf(type, 2)]),
    period: [textOf(profile.messages(11)[0], 1), Number(profile.integer(12))],
    main: textOf(profile, 14),
    durationNs: Number(profile.integer(10)),
    firstString: strings[0],
    samples: profile
      .messages(2)
      .map((sample) => [sample.packed(1).map((id) => textOf(functionAt(id), 2)), sample.packed(2)]),
    files: [...new Set([...functions.values()].map((f) => textOf(f, 4)))],
    lines: profile.messages(4).map((l) => Number(l.messages(4)[0]?.integer(2) ?? 0n)),
  };
}

describe('a profile of processor time', () => {
  const node = (id: number, name: string, children: number[] = []): Profiler.ProfileNode => ({
    ...{ id, callFrame: frame(name, id), children, hitCount: 0 },
  });
  const profile: Profiler.Profile = {
    nodes: [node(1, '(root)', [2, 3]), node(2, 'turn', [4]), node(3, '(idle)'), node(4, '')],
    ...{ startTime: 1_000, endTime: 6_000 },
    samples: [4, 3, 4, 2, 4],
    timeDeltas: [10, 1_000, 500, 700, 900],
  };

  test('has each stack once, from the inside, with its samples and nanoseconds; idle time is not in it', () => {
    const told = read(cpuProfileToPprof(profile, { intervalUs: 1_000, atMs: 5 }));
    expect(told).toEqual({
      types: [
        ['samples', 'count'],
        ['cpu', 'nanoseconds'],
      ],
      ...{ period: ['cpu', 1_000_000], main: 'cpu', durationNs: 5_000_000, firstString: '' },
      samples: [
        // The last sample stands for an interval: nothing comes behind it.
        [
          ['(anonymous)', 'turn'],
          [3, (1_000 + 700 + 1_000) * 1000],
        ],
        [['turn'], [1, 900 * 1000]],
      ],
      files: ['/app/kv.ts'],
      lines: [5, 3],
    });
  });

  test('of no time at all is one without samples', () => {
    const empty = { nodes: [node(1, '(root)')], startTime: 0, endTime: 0, samples: [], timeDeltas: [] };
    expect(read(cpuProfileToPprof(empty, { intervalUs: 1_000, atMs: 5 })).samples).toEqual([]);
  });
});

test('a profile of memory has the bytes in use by where they were allocated', () => {
  const node = (id: number, name: string, selfSize: number, children: HeapNode[] = []): HeapNode => ({
    id,
    callFrame: frame(name, id),
    selfSize,
    children,
  });
  const head = node(1, '(root)', 0, [node(2, 'apply', 100, [node(3, 'put', 4_096)]), node(4, 'quiet', 0)]);
  const samples = [3, 3, 2].map((nodeId) => ({ nodeId, size: 1, ordinal: 1 }));
  const told = read(heapProfileToPprof({ head, samples }, { intervalBytes: 1024, atMs: 5 }));
  expect(told).toMatchObject({
    types: [
      ['inuse_samples', 'count'],
      ['inuse_space', 'bytes'],
    ],
    ...{ period: ['space', 1024], main: 'inuse_space' },
  });
  expect(told.samples).toEqual([
    [['apply'], [1, 100]],
    [
      ['put', 'apply'],
      [2, 4_096],
    ],
  ]);
});

test('what is written is what is read, whatever it is', () => {
  const numbers = fc.array(fc.nat({ max: Number.MAX_SAFE_INTEGER }), { maxLength: 50 });
  fc.assert(
    fc.property(numbers, fc.string(), (values, text) => {
      const writer = new ProtobufWriter();
      writer.packed(1, values);
      writer.message(2, (inner) => inner.text(3, text));
      values.forEach((value) => writer.integer(4, value));
      const message = ProtobufMessage.of(Buffer.from(writer.bytes));
      expect(message.packed(1)).toEqual(values);
      expect(message.messages(2)[0]?.text(3)).toBe(Buffer.from(text).toString());
      expect(message.texts(4)).toEqual(values.filter((value) => value !== 0).map(String));
    }),
  );
});
