import { toLatin1 } from '@quorate/std';
import { rpcpb, type mvccpb } from '@quorate/wire';
import type { ByteString } from '../byte-string.ts';
import { omitEmpty, type JsonValue } from '../go/json.ts';
import { goQuote } from '../go/quote.ts';
import type { Printout } from './printout.ts';

/** What of the command line matters to how keys are printed in the simple format. */
export interface SimpleOptions {
  readonly hex: boolean;
  /** `get --print-value-only`. */
  readonly valueOnly?: boolean;
}

/** The result of `get`. */
export function rangePrintout(response: rpcpb.RangeResponse, options: SimpleOptions): Printout {
  return {
    simple: () => simpleRange(response, options),
    fields: () => rangeFields(response),
    json: () => rangeJson(response),
    protobuf: () => rpcpb.RangeResponse.encode(response).finish(),
  };
}

/** The result of `put`. */
export function putPrintout(response: rpcpb.PutResponse, options: SimpleOptions): Printout {
  return {
    simple: () => simplePut(response, options),
    fields: () => putFields(response),
    json: () => putJson(response),
    protobuf: () => rpcpb.PutResponse.encode(response).finish(),
  };
}

/** The result of `del`. */
export function deletePrintout(response: rpcpb.DeleteRangeResponse, options: SimpleOptions): Printout {
  return {
    simple: () => simpleDelete(response, options),
    fields: () => deleteFields(response),
    json: () => deleteJson(response),
    protobuf: () => rpcpb.DeleteRangeResponse.encode(response).finish(),
  };
}

/** The result of `txn`. */
export function txnPrintout(response: rpcpb.TxnResponse, options: SimpleOptions): Printout {
  return {
    simple: () => simpleTxn(response, options),
    fields: () => txnFields(response),
    json: () => txnJson(response),
    protobuf: () => rpcpb.TxnResponse.encode(response).finish(),
  };
}

/** A header in the fields format; a response inside a transaction may have none, and prints zeros. */
export function headerFields(header: rpcpb.ResponseHeader | undefined): ByteString {
  const { clusterId, memberId, revision, raftTerm } = header ?? rpcpb.ResponseHeader.create();
  return `"ClusterID" : ${clusterId}\n"MemberID" : ${memberId}\n"Revision" : ${revision}\n"RaftTerm" : ${raftTerm}\n`;
}

/** A header as etcd's JSON has it. */
export function headerJson(header: rpcpb.ResponseHeader | undefined): JsonValue | undefined {
  if (header === undefined) return undefined;
  return omitEmpty({
    cluster_id: header.clusterId,
    member_id: header.memberId,
    revision: header.revision,
    raft_term: header.raftTerm,
  });
}

/** A key and its value, each on a line. */
export function simpleKv(kv: mvccpb.KeyValue, { hex, valueOnly = false }: SimpleOptions): ByteString {
  const value = `${simpleBytes(kv.value, hex)}\n`;
  return valueOnly ? value : `${simpleBytes(kv.key, hex)}\n${value}`;
}

/** A key-value pair in the fields format; `prefix` is `Prev` for what was there before. */
export function kvFields(kv: mvccpb.KeyValue, prefix = ''): ByteString {
  return (
    `"${prefix}Key" : ${goQuote(toLatin1(kv.key))}\n` +
    `"${prefix}CreateRevision" : ${kv.createRevision}\n` +
    `"${prefix}ModRevision" : ${kv.modRevision}\n` +
    `"${prefix}Version" : ${kv.version}\n` +
    `"${prefix}Value" : ${goQuote(toLatin1(kv.value))}\n` +
    `"${prefix}Lease" : ${kv.lease}\n`
  );
}

/** A key-value pair as etcd's JSON has it. */
export function kvJson(kv: mvccpb.KeyValue): JsonValue {
  return omitEmpty({
    key: kv.key,
    create_revision: kv.createRevision,
    mod_revision: kv.modRevision,
    version: kv.version,
    value: kv.value,
    lease: kv.lease,
  });
}

function simpleBytes(bytes: Uint8Array, hex: boolean): ByteString {
  const text = toLatin1(bytes);
  if (!hex) return text;
  return text.replace(/[^]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function simpleRange({ kvs }: rpcpb.RangeResponse, options: SimpleOptions): ByteString {
  return kvs.map((kv) => simpleKv(kv, options)).join('');
}

function simplePut({ prevKv }: rpcpb.PutResponse, options: SimpleOptions): ByteString {
  return prevKv === undefined ? 'OK\n' : `OK\n${simpleKv(prevKv, options)}`;
}

function simpleDelete({ deleted, prevKvs }: rpcpb.DeleteRangeResponse, options: SimpleOptions): ByteString {
  return `${deleted}\n${prevKvs.map((kv) => simpleKv(kv, options)).join('')}`;
}

function simpleTxn({ succeeded, responses }: rpcpb.TxnResponse, options: SimpleOptions): ByteString {
  const parts = responses.map(({ response }) => `\n${simpleOp(response, options)}`);
  return `${succeeded ? 'SUCCESS' : 'FAILURE'}\n${parts.join('')}`;
}

function simpleOp(response: rpcpb.ResponseOp['response'], options: SimpleOptions): ByteString {
  switch (response?.$case) {
    case 'responseRange':
      return simpleRange(response.value, options);
    case 'responsePut':
      return simplePut(response.value, options);
    case 'responseDeleteRange':
      return simpleDelete(response.value, options);
    case 'responseTxn':
      return simpleTxn(response.value, options);
    case undefined:
      return '';
  }
}

function rangeFields(response: rpcpb.RangeResponse): ByteString {
  const kvs = response.kvs.map((kv) => kvFields(kv)).join('');
  return `${headerFields(response.header)}${kvs}"More" : ${response.more}\n"Count" : ${response.count}\n`;
}

function putFields({ header, prevKv }: rpcpb.PutResponse): ByteString {
  return headerFields(header) + (prevKv === undefined ? '' : kvFields(prevKv, 'Prev'));
}

function deleteFields({ header, deleted, prevKvs }: rpcpb.DeleteRangeResponse): ByteString {
  return `${headerFields(header)}"Deleted" : ${deleted}\n${prevKvs.map((kv) => kvFields(kv, 'Prev')).join('')}`;
}

function txnFields({ header, succeeded, responses }: rpcpb.TxnResponse): ByteString {
  const parts = responses.map(({ response }) => opFields(response));
  return `${headerFields(header)}"Succeeded" : ${succeeded}\n${parts.join('')}`;
}

function opFields(response: rpcpb.ResponseOp['response']): ByteString {
  switch (response?.$case) {
    case 'responseRange':
      return rangeFields(response.value);
    case 'responsePut':
      return putFields(response.value);
    case 'responseDeleteRange':
      return deleteFields(response.value);
    case 'responseTxn':
      return txnFields(response.value);
    case undefined:
      return '';
  }
}

function rangeJson({ header, kvs, more, count }: rpcpb.RangeResponse): JsonValue {
  return omitEmpty({ header: headerJson(header), kvs: kvs.map(kvJson), more, count });
}

function putJson({ header, prevKv }: rpcpb.PutResponse): JsonValue {
  return omitEmpty({ header: headerJson(header), prev_kv: prevKv && kvJson(prevKv) });
}

function deleteJson({ header, deleted, prevKvs }: rpcpb.DeleteRangeResponse): JsonValue {
  return omitEmpty({ header: headerJson(header), deleted, prev_kvs: prevKvs.map(kvJson) });
}

function txnJson({ header, succeeded, responses }: rpcpb.TxnResponse): JsonValue {
  const ops = responses.map(({ response }) => ({ Response: opJson(response) }));
  return omitEmpty({ header: headerJson(header), succeeded, responses: ops });
}

function opJson(response: rpcpb.ResponseOp['response']): JsonValue {
  switch (response?.$case) {
    case 'responseRange':
      return { response_range: rangeJson(response.value) };
    case 'responsePut':
      return { response_put: putJson(response.value) };
    case 'responseDeleteRange':
      return { response_delete_range: deleteJson(response.value) };
    case 'responseTxn':
      return { response_txn: txnJson(response.value) };
    case undefined:
      return null;
  }
}
