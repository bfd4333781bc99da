import { fromUtf8 } from '@quorate/std';
import { decodeKeyValue, encodeEvent, encodeKeyValue, mvccpb } from '../src/index.ts';
import { measure } from './measure.ts';

/** A KeyValue as made at apply, and the event around it. */

for (const valueSize of [16, 256, 4096]) {
  const kv = {
    key: fromUtf8('/registry/pods/default/pod-1'),
    createRevision: 1_000_000,
    modRevision: 5_000_000_000,
    version: 12,
    value: new Uint8Array(valueSize).fill(1),
    lease: 0n,
  };
  const generated = mvccpb.KeyValue.fromPartial({
    ...kv,
    createRevision: 1_000_000n,
    modRevision: 5_000_000_000n,
    version: 12n,
  });
  const bytes = encodeKeyValue(kv);
  measure(`KeyValue of ${valueSize} B, encode`, () => encodeKeyValue(kv));
  measure(`KeyValue of ${valueSize} B, encode, generated`, () => mvccpb.KeyValue.encode(generated).finish());
  measure(`KeyValue of ${valueSize} B, decode`, () => decodeKeyValue(bytes));
  measure(`KeyValue of ${valueSize} B, decode, generated`, () => mvccpb.KeyValue.decode(bytes));
  measure(`Event of ${valueSize} B, spliced`, () => encodeEvent(0, bytes, undefined));
}
