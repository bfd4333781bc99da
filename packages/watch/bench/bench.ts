import { SeededRandom } from '@quorate/std';
import type { ResponseHeader } from '@quorate/wire';
import { WatchHub, type WatchStream } from '../src/index.ts';
import { MemoryEventSource } from '../src/testing/index.ts';

/** Repeats a measurement; prints the median and the spread, in microseconds an operation. */
export function measure(
  name: string,
  options: { rounds: number; operations: number },
  run: () => void,
): void {
  run();
  const samples: number[] = [];
  for (let i = 0; i < options.rounds; i++) {
    const start = performance.now();
    run();
    samples.push(((performance.now() - start) * 1000) / options.operations);
  }
  samples.sort((a, b) => a - b);
  const at = (share: number): string => samples[Math.floor(share * (samples.length - 1))]!.toFixed(3);
  console.info(`${name.padEnd(64)} ${at(0.5).padStart(9)} µs  (${at(0)} .. ${at(1)})`);
}

/** A hub over a store in memory, with streams that are read at once. */
export class BenchWorld {
  readonly source = new MemoryEventSource();
  readonly hub: WatchHub;
  readonly streams: WatchStream[] = [];

  constructor() {
    this.hub = new WatchHub({ source: this.source, random: new SeededRandom(1) });
  }

  put(key: string, value: string): void {
    const changes = this.source.put(key, value);
    this.hub.append(this.source.currentRevision, changes);
  }

  open(): WatchStream {
    const stream = this.hub.openStream({
      headerOf,
      onReadable: () => {},
      maxFragmentBytes: 2 * 1024 * 1024,
      progressIntervalMs: 600_000,
      nowMs: 0,
    });
    this.streams.push(stream);
    return stream;
  }

  /** Takes all there is, 64 KiB at a time; returns how many responses and bytes that were. */
  drain(): { responses: number; bytes: number } {
    let responses = 0;
    let bytes = 0;
    for (const stream of this.streams) {
      while (stream.hasPending) {
        for (const response of stream.take(65_536)) {
          responses++;
          bytes += response.length;
        }
      }
    }
    return { responses, bytes };
  }
}

/** Asks for a watcher; makes room for the answer if there is none. */
export function watch(
  stream: WatchStream,
  options: { key: string; end?: string; start?: number; prevKv?: boolean },
): void {
  const { key, end = '', start = 0, prevKv = false } = options;
  if (!stream.accepting) stream.take(65_536);
  stream.request({
    requestUnion: {
      $case: 'createRequest',
      value: {
        key: Buffer.from(key, 'latin1'),
        rangeEnd: Buffer.from(end, 'latin1'),
        startRevision: BigInt(start),
        progressNotify: false,
        filters: [],
        prevKv,
        watchId: 0n,
        fragment: false,
      },
    },
  });
}

const header: Omit<ResponseHeader, 'revision'> = {
  clusterId: 0xcdf818194e3a8c32n,
  memberId: 0x8e9e05c52164694dn,
  raftTerm: 2,
};

function headerOf(revision: number): ResponseHeader {
  return { ...header, revision };
}
