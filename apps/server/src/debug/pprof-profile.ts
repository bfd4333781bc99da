import type { Runtime } from 'node:inspector';
import { ProtobufWriter } from './protobuf-writer.ts';

/** What a number of a sample counts, such as `cpu` in `nanoseconds`. */
export interface ValueType {
  readonly type: string;
  readonly unit: string;
}

/** What V8 says of a function on the stack. Lines are counted from 0. */
export type Frame = Pick<
  Runtime.CallFrame,
  'functionName' | 'scriptId' | 'url' | 'lineNumber' | 'columnNumber'
>;

/** Numbers of the fields (proto/profile.proto of the pprof project). */
const profile = {
  ...{ sampleType: 1, sample: 2, location: 4, function: 5, strings: 6, timeNanos: 9, durationNanos: 10 },
  ...{ periodType: 11, period: 12, defaultSampleType: 14 },
} as const;
const sample = { locationId: 1, value: 2 } as const;
const location = { id: 1, line: 4 } as const;
const line = { functionId: 1, line: 2 } as const;
const functionFields = { id: 1, name: 2, systemName: 3, filename: 4, startLine: 5 } as const;

/** Builds a profile that `go tool pprof` reads. */
export class PprofProfile {
  readonly #writer = new ProtobufWriter();
  readonly #strings = new Map([['', 0]]);
  readonly #locations = new Map<string, number>();

  constructor(sampleTypes: readonly ValueType[], period: ValueType & { readonly value: number }) {
    for (const type of sampleTypes) this.#type(profile.sampleType, type);
    this.#type(profile.periodType, period);
    this.#writer.integer(profile.period, period.value);
    const main = sampleTypes.at(-1);
    if (main !== undefined) this.#writer.integer(profile.defaultSampleType, this.#string(main.type));
  }

  /** Adds values, one for each type, of a stack whose innermost frame comes first. */
  add(stack: readonly Frame[], values: readonly number[]): void {
    const ids = stack.map((frame) => this.#location(frame));
    this.#writer.message(profile.sample, (inner) => {
      inner.packed(sample.locationId, ids);
      inner.packed(sample.value, values);
    });
  }

  /** The profile, not compressed yet. Nothing may be added behind it. */
  finish({ atMs, durationMs }: { readonly atMs: number; readonly durationMs: number }): Uint8Array {
    this.#writer.integer(profile.timeNanos, atMs * 1e6);
    this.#writer.integer(profile.durationNanos, Math.round(durationMs * 1e6));
    for (const text of this.#strings.keys()) this.#writer.text(profile.strings, text);
    return this.#writer.bytes;
  }

  #type(field: number, { type, unit }: ValueType): void {
    this.#writer.message(field, (inner) => {
      inner.integer(1, this.#string(type));
      inner.integer(2, this.#string(unit));
    });
  }

  /** One function and one place in it for each frame: V8 tells where functions begin. */
  #location(frame: Frame): number {
    const { functionName, scriptId, url, lineNumber, columnNumber } = frame;
    const key = `${scriptId}:${lineNumber}:${columnNumber}:${functionName}`;
    const known = this.#locations.get(key);
    if (known !== undefined) return known;
    const id = this.#locations.size + 1;
    this.#locations.set(key, id);
    const name = this.#string(functionName === '' ? '(anonymous)' : functionName);
    const startLine = Math.max(0, lineNumber + 1);
    const filename = this.#string(url.replace(/^file:\/\//, ''));
    this.#writer.message(profile.function, (inner) => {
      inner.integer(functionFields.id, id);
      inner.integer(functionFields.name, name);
      inner.integer(functionFields.systemName, name);
      inner.integer(functionFields.filename, filename);
      inner.integer(functionFields.startLine, startLine);
    });
    this.#writer.message(profile.location, (inner) => {
      inner.integer(location.id, id);
      inner.message(location.line, (at) => {
        at.integer(line.functionId, id);
        at.integer(line.line, startLine);
      });
    });
    return id;
  }

  #string(text: string): number {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    this.#strings.set(text, this.#strings.size);
    return this.#strings.size - 1;
  }
}
