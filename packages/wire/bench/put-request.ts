import { fromUtf8 } from '@quorate/std';
import {
  decodePutRequest,
  decodeRaftEnvelope,
  encodePutRequest,
  encodeRaftEnvelope,
  raftinternalpb,
  raftRequestField,
  rpcpb,
} from '../src/index.ts';
import { measure } from './measure.ts';

/** A put on its way in: decoded, wrapped for the log, and opened again at apply. */

for (const [name, lease] of [
  ['without lease', 0n],
  ['with lease', 0x694d8e9e05c52164n],
] as const) {
  const put = {
    key: fromUtf8('/registry/pods/default/pod-1'),
    value: new Uint8Array(256).fill(1),
    lease,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
  const bytes = Buffer.from(encodePutRequest(put));
  measure(`PutRequest ${name}, decode`, () => decodePutRequest(bytes));
  measure(`PutRequest ${name}, decode, generated`, () => rpcpb.PutRequest.decode(bytes));
  measure(`PutRequest ${name}, encode`, () => encodePutRequest(put));
  measure(`PutRequest ${name}, encode, generated`, () => rpcpb.PutRequest.encode(put).finish());
}

const request = encodePutRequest({
  key: fromUtf8('/registry/pods/default/pod-1'),
  value: new Uint8Array(256).fill(1),
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
});
const envelope = {
  idHigh: 0x1d4aa203,
  idLow: 0x127d2f07,
  username: '',
  authRevision: 0,
  requestField: raftRequestField.put,
  request,
};
const entryData = Buffer.from(encodeRaftEnvelope(envelope));
const generated = raftinternalpb.InternalRaftRequest.decode(entryData);
measure('InternalRaftRequest of a put, encode', () => encodeRaftEnvelope(envelope));
measure('InternalRaftRequest of a put, encode, gen.', () =>
  raftinternalpb.InternalRaftRequest.encode(generated).finish(),
);
measure('InternalRaftRequest of a put, open', () => decodePutRequest(decodeRaftEnvelope(entryData).request));
measure('InternalRaftRequest of a put, open, gen.', () =>
  raftinternalpb.InternalRaftRequest.decode(entryData),
);
