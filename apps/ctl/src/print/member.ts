import { rpcpb } from '@quorate/wire';
import { bytesOfText, type ByteString } from '../byte-string.ts';
import { paddedHex } from '../commands/ids.ts';
import { omitEmpty, type JsonValue } from '../go/json.ts';
import { goQuote } from '../go/quote.ts';
import { headerFields, headerJson } from './kv.ts';
import type { Printout } from './printout.ts';
import { table } from './table.ts';

const listHeader = ['ID', 'Status', 'Name', 'Peer Addrs', 'Client Addrs', 'Is Learner'];

/** The result of `member list`. */
export function memberListPrintout(
  response: rpcpb.MemberListResponse,
  { hex }: { readonly hex: boolean },
): Printout {
  const rows = response.members.map(memberRow);
  return {
    simple: () => rows.map((row) => `${bytesOfText(row.join(', '))}\n`).join(''),
    fields: () => headerFields(response.header) + response.members.map(memberFields).join(''),
    json: () => (hex ? hexListJson(response) : membersJson(response)),
    protobuf: () => rpcpb.MemberListResponse.encode(response).finish(),
    table: () => table(listHeader, rows),
  };
}

/** The result of `member add`, with what the new member's configuration must say. */
export function memberAddPrintout(
  response: rpcpb.MemberAddResponse,
  { name, peerUrls }: { readonly name: ByteString; readonly peerUrls: readonly ByteString[] },
): Printout {
  const { header, member } = response;
  const simple = () => {
    const said = `Member ${paddedHex(member?.ID ?? 0n)} added to cluster ${paddedHex(header?.clusterId ?? 0n)}\n`;
    const cluster = response.members.flatMap(({ ID, name: known, peerURLs }) =>
      peerURLs.map((url) => `${ID === member?.ID ? name : bytesOfText(known)}=${bytesOfText(url)}`),
    );
    return (
      `${said}\nETCD_NAME=${goQuote(name)}\n` +
      `ETCD_INITIAL_CLUSTER=${goQuote(cluster.join(','))}\n` +
      `ETCD_INITIAL_ADVERTISE_PEER_URLS=${goQuote(peerUrls.join(','))}\n` +
      'ETCD_INITIAL_CLUSTER_STATE="existing"\n'
    );
  };
  return {
    simple,
    json: () =>
      omitEmpty({
        header: headerJson(header),
        member: member && memberJson(member),
        members: response.members.map(memberJson),
      }),
    protobuf: () => rpcpb.MemberAddResponse.encode(response).finish(),
  };
}

/** The result of removing, updating or promoting a member. */
export function memberChangePrintout(
  id: bigint,
  change: 'removed from' | 'updated in' | 'promoted in',
  response: rpcpb.MemberRemoveResponse | rpcpb.MemberUpdateResponse | rpcpb.MemberPromoteResponse,
): Printout {
  return {
    simple: () =>
      `Member ${paddedHex(id)} ${change} cluster ${paddedHex(response.header?.clusterId ?? 0n)}\n`,
    json: () => membersJson(response),
    // The three messages have the same fields under the same numbers.
    protobuf: () => rpcpb.MemberRemoveResponse.encode(response).finish(),
  };
}

function memberRow({ ID, name, peerURLs, clientURLs, isLearner }: rpcpb.Member): string[] {
  const status = name === '' ? 'unstarted' : 'started';
  return [ID.toString(16), status, name, peerURLs.join(','), clientURLs.join(','), `${isLearner}`];
}

function memberFields({ ID, name, peerURLs, clientURLs, isLearner }: rpcpb.Member): ByteString {
  const quoted = (text: string) => goQuote(bytesOfText(text));
  return (
    `"ID" : ${ID}\n"Name" : ${quoted(name)}\n` +
    peerURLs.map((url) => `"PeerURL" : ${quoted(url)}\n`).join('') +
    clientURLs.map((url) => `"ClientURL" : ${quoted(url)}\n`).join('') +
    `"IsLearner" : ${isLearner}\n\n`
  );
}

function membersJson({ header, members }: rpcpb.MemberListResponse): JsonValue {
  return omitEmpty({ header: headerJson(header), members: members.map(memberJson) });
}

function memberJson({ ID, name, peerURLs, clientURLs, isLearner }: rpcpb.Member): JsonValue {
  return omitEmpty({ ID, name, peerURLs, clientURLs, isLearner });
}

/** With `--hex` IDs are texts in hex; that the field is `clientURLS` there is etcdctl's slip, and in scripts by now. */
function hexListJson({ header, members }: rpcpb.MemberListResponse): JsonValue {
  return {
    header: {
      cluster_id: (header?.clusterId ?? 0n).toString(16),
      member_id: (header?.memberId ?? 0n).toString(16),
      raft_term: header?.raftTerm ?? 0n,
    },
    members: members.map(({ ID, name, peerURLs, clientURLs, isLearner }) => ({
      ID: ID.toString(16),
      ...omitEmpty({ name, peerURLs, clientURLS: clientURLs, isLearner }),
    })),
  };
}
