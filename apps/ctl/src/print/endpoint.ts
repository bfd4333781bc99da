import type { rpcpb } from '@quorate/wire';
import { bytesOfText, textOf, type ByteString } from '../byte-string.ts';
import { omitEmpty } from '../go/json.ts';
import { goQuote } from '../go/quote.ts';
import { headerFields, headerJson } from './kv.ts';
import type { Printout } from './printout.ts';
import { humanSize } from './size.ts';
import { table } from './table.ts';

/** How a member is. */
export interface EndpointStatus {
  readonly endpoint: ByteString;
  readonly status: rpcpb.StatusResponse;
}

/** The hash that a member has of its keys. */
export interface EndpointHash {
  readonly endpoint: ByteString;
  readonly hash: rpcpb.HashKVResponse;
}

/** Whether a member answers. */
export interface EndpointHealth {
  readonly endpoint: ByteString;
  readonly health: boolean;
  readonly took: ByteString;
  readonly error: ByteString;
}

const statusHeader = [
  ...['endpoint', 'ID', 'version', 'storage version', 'db size', 'in use', 'percentage not in use', 'quota'],
  ...['is leader', 'is learner', 'raft term', 'raft index', 'raft applied index', 'errors'],
  ...['downgrade target version', 'downgrade enabled'],
];

/** The result of `endpoint status`, with the columns of etcdctl 3.6. */
export function statusPrintout(statuses: readonly EndpointStatus[]): Printout {
  const rows = statuses.map(statusRow);
  return {
    simple: () => rows.map((row) => `${bytesOfText(row.join(', '))}\n`).join(''),
    fields: () => statuses.map(statusFields).join(''),
    json: () =>
      statuses.map(({ endpoint, status }) => ({ Endpoint: textOf(endpoint), Status: statusJson(status) })),
    table: () => table(statusHeader, rows),
  };
}

/** The result of `endpoint hashkv`. */
export function hashKvPrintout(hashes: readonly EndpointHash[]): Printout {
  const rows = hashes.map(({ endpoint, hash }) => [textOf(endpoint), `${hash.hash}`]);
  return {
    simple: () => rows.map((row) => `${bytesOfText(row.join(', '))}\n`).join(''),
    fields: () =>
      hashes
        .map(({ endpoint, hash }) => {
          return `${headerFields(hash.header)}"Endpoint" : ${goQuote(endpoint)}\n"Hash" : ${hash.hash}\n\n`;
        })
        .join(''),
    json: () =>
      hashes.map(({ endpoint, hash }) => ({
        Endpoint: textOf(endpoint),
        HashKV: omitEmpty({
          header: headerJson(hash.header),
          hash: hash.hash,
          compact_revision: hash.compactRevision,
          hash_revision: hash.hashRevision,
        }),
      })),
    table: () => table(['endpoint', 'hash'], rows),
  };
}

/** The result of `endpoint health` in all formats but the simple one, which tells of each member as it answers. */
export function healthPrintout(healths: readonly EndpointHealth[]): Printout {
  const rows = healths.map(({ endpoint, health, took, error }) =>
    [endpoint, `${health}`, took, error].map(textOf),
  );
  return {
    simple: () => '',
    fields: () =>
      healths
        .map(({ endpoint, health, took, error }) => {
          return `"Endpoint" : ${goQuote(endpoint)}\n"Health" : ${health}\n"Took" : ${took}\n"Error" : ${error}\n\n`;
        })
        .join(''),
    json: () =>
      healths.map(({ endpoint, health, took, error }) => ({
        endpoint: textOf(endpoint),
        health,
        took: textOf(took),
        ...(error === '' ? {} : { error: textOf(error) }),
      })),
    table: () => table(['endpoint', 'health', 'took', 'error'], rows),
  };
}

function statusRow({ endpoint, status }: EndpointStatus): string[] {
  const memberId = status.header?.memberId ?? 0n;
  const { dbSize, dbSizeInUse } = status;
  const notInUse = dbSize === 0n ? 0n : 100n - (dbSizeInUse * 100n) / dbSize;
  return [
    textOf(endpoint),
    memberId.toString(16),
    status.version,
    status.storageVersion,
    humanSize(dbSize),
    humanSize(dbSizeInUse),
    `${notInUse}%`,
    humanSize(status.dbSizeQuota),
    `${status.leader === memberId}`,
    `${status.isLearner}`,
    `${status.raftTerm}`,
    `${status.raftIndex}`,
    `${status.raftAppliedIndex}`,
    status.errors.join(', '),
    status.downgradeInfo?.targetVersion ?? '',
    `${status.downgradeInfo?.enabled ?? false}`,
  ];
}

function statusFields({ endpoint, status }: EndpointStatus): ByteString {
  const quoted = (text: string) => goQuote(bytesOfText(text));
  const { downgradeInfo } = status;
  return (
    headerFields(status.header) +
    `"Version" : ${quoted(status.version)}\n` +
    `"StorageVersion" : ${quoted(status.storageVersion)}\n` +
    `"DBSize" : ${status.dbSize}\n` +
    `"DBSizeInUse" : ${status.dbSizeInUse}\n` +
    `"DBSizeQuota" : ${status.dbSizeQuota}\n` +
    `"Leader" : ${status.leader}\n` +
    `"IsLearner" : ${status.isLearner}\n` +
    `"RaftIndex" : ${status.raftIndex}\n` +
    `"RaftTerm" : ${status.raftTerm}\n` +
    `"RaftAppliedIndex" : ${status.raftAppliedIndex}\n` +
    `"Errors" : [${bytesOfText(status.errors.join(' '))}]\n` +
    `"Endpoint" : ${goQuote(endpoint)}\n` +
    `"DowngradeTargetVersion" : ${quoted(downgradeInfo?.targetVersion ?? '')}\n` +
    `"DowngradeEnabled" : ${downgradeInfo?.enabled ?? false}\n\n`
  );
}

function statusJson(status: rpcpb.StatusResponse) {
  const { downgradeInfo } = status;
  return omitEmpty({
    header: headerJson(status.header),
    version: status.version,
    dbSize: status.dbSize,
    leader: status.leader,
    raftIndex: status.raftIndex,
    raftTerm: status.raftTerm,
    raftAppliedIndex: status.raftAppliedIndex,
    errors: status.errors,
    dbSizeInUse: status.dbSizeInUse,
    isLearner: status.isLearner,
    storageVersion: status.storageVersion,
    dbSizeQuota: status.dbSizeQuota,
    downgradeInfo:
      downgradeInfo &&
      omitEmpty({ enabled: downgradeInfo.enabled, targetVersion: downgradeInfo.targetVersion }),
  });
}
