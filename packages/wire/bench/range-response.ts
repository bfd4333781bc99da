import { fromUtf8 } from '@quorate/std';
import { decodeKeyValue, encodeKeyValue, encodeRangeResponse, mvccpb, rpcpb } from '../src/index.ts';
import { measure } from './measure.ts';

/** A response of stored KeyValues: spliced, against decoded and encoded again by the generated code. */

const header = {
  clusterId: 0xcdf818194e3a8c32n,
  memberId: 0x8e9e05c52164694dn,
  revision: 123_456,
  raftTerm: 7,
};

for (const [count, valueSize] of [
  [1, 100],
  [100, 100],
  [10_000, 100],
  [10_000, 1024],
  [10, 1 << 20],
] as const) {
  const kvs = Array.from({ length: count }, (_, i) =>
    encodeKeyValue({
      key: fromUtf8(`/registry/pods/default/pod-${i}`),
      createRevision: 1000 + i,
      modRevision: 100_000 + i,
      version: 3,
      value: new Uint8Array(valueSize).fill(i),
      lease: 0n,
    }),
  );
  const size = encodeRangeResponse({ header, kvs, more: false, count }).length;
  const name = `${count} x ${valueSize} B`;
  measure(
    `RangeResponse ${name}, spliced`,
    () => encodeRangeResponse({ header, kvs, more: false, count }),
    size,
  );
  measure(
    `RangeResponse ${name}, generated`,
    () =>
      rpcpb.RangeResponse.encode({
        header: { ...header, revision: 123_456n, raftTerm: 7n },
        kvs: kvs.map((kv) => mvccpb.KeyValue.decode(kv)),
        more: false,
        count: BigInt(count),
      }).finish(),
    size,
  );
  if (count === 10_000)
    measure(`decodeKeyValue of ${name}`, () => kvs.forEach((kv) => decodeKeyValue(kv)), size);
}
