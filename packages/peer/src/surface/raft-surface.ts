import type { IncomingMessage, ServerResponse } from 'node:http';
import { idToHex } from '@quorate/std';
import { decodeMessage, raftpb, type Message } from '@quorate/wire';
import type { Admission } from '../admission.ts';
import { headers, headerOf, idFromHex, incompatibility, paths, type StreamType } from '../names.ts';
import type { PeerSettings } from '../options.ts';
import { removedText } from '../removal.ts';
import type { PeerAddress } from '../types.ts';
import { jsonRefusal, refusal, wrongMethod, type PeerAnswer } from './answers.ts';
import { BodyError, readBody, type BodyBudget } from './body.ts';

/** What the surface needs of the transport. */
export interface SurfacePeers {
  /** Hands a stream over, or with no response only asks: whether this is a member that we are connected with. */
  attach(id: bigint, type: StreamType, response: ServerResponse | undefined): boolean;
  /** Gives a message to the host, if it is one for it. */
  receive(message: Message): Admission;
  /** Makes a sender that is not known yet reachable for answers. */
  addRemote(peer: PeerAddress): void;
}

/** Answers `/raft`: one message a request. */
export async function answerPost(
  request: IncomingMessage,
  settings: PeerSettings,
  peers: SurfacePeers,
  budget: BodyBudget,
): Promise<PeerAnswer> {
  if (request.method !== 'POST') return wrongMethod('POST');
  const { host, observer, maxMessageBytes } = settings;
  const own = { [headers.clusterId]: idToHex(host.clusterId) };
  const problem = incompatibility(request, host);
  if (problem !== undefined) return refusal(412, problem, own);
  learnSender(request, peers);
  let message: Message;
  let bytes: number;
  try {
    const body = await readBody(request, { maxBytes: maxMessageBytes, budget });
    bytes = body.length;
    message = decodeMessage(body);
  } catch (error) {
    if (!(error instanceof BodyError)) return refusal(400, 'error unmarshalling raft message', own);
    if (error.code === 'BODY_TOO_LARGE') return refusal(413, error.message, own);
    return refusal(400, 'error reading raft message', own);
  }
  observer.onReceived?.({ from: message.from, bytes });
  const admission = peers.receive(message);
  if (admission.kind !== 'refused') return { status: 204, headers: own, body: '' };
  return refusedMessage(admission.text, 'error processing raft message', own);
}

/**
 * The answer to a message that is not taken. Only the removed are told by 403, as a real etcd that gets one stops
 * for good; a mix-up is 500, which is what a real etcd answers, too.
 */
export function refusedMessage(
  text: string,
  plainText: string,
  own: Readonly<Record<string, string>>,
): PeerAnswer {
  return text === removedText ? jsonRefusal(403, text, own) : refusal(500, plainText, own);
}

/**
 * Answers `/raft/stream/<type>/<from>`: gives the refusal, or takes the connection over and gives undefined. The
 * order of the checks is etcd's, since senders act on the status.
 */
export function answerStream(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  settings: PeerSettings,
  peers: SurfacePeers,
): PeerAnswer | undefined {
  if (request.method !== 'GET') return wrongMethod('GET');
  const { host } = settings;
  const own = {
    [headers.clusterId]: idToHex(host.clusterId),
    [headers.version]: host.serverVersion,
  };
  const problem = incompatibility(request, host);
  if (problem !== undefined) return refusal(412, problem, own);
  const [name, fromText, ...rest] = path.slice(paths.stream.length).split('/');
  const type = rest.length === 0 && fromText !== undefined ? streamTypeOf(name) : undefined;
  if (type === undefined) return refusal(404, 'invalid path', own);
  const from = idFromHex(fromText ?? '');
  if (from === undefined) return refusal(404, 'invalid from', own);
  if (host.isRemoved(from)) return refusal(410, 'removed member', own);
  if (!peers.attach(from, type, undefined)) {
    learnSender(request, peers, from);
    return refusal(404, 'error sender not found', own);
  }
  if (headerOf(request, headers.to) !== idToHex(host.id)) return refusal(412, 'to field mismatch', own);
  response.writeHead(200, own);
  response.flushHeaders();
  peers.attach(from, type, response);
  return undefined;
}

function streamTypeOf(name: string | undefined): StreamType | undefined {
  return name === 'msgapp' || name === 'message' ? name : undefined;
}

/** Remembers where a sender that is no member yet, as far as we know, says that it can be reached. */
export function learnSender(request: IncomingMessage, peers: SurfacePeers, id?: bigint): void {
  const from = id ?? idFromHex(headerOf(request, headers.from) ?? '');
  const peerUrls = (headerOf(request, headers.peerUrls) ?? '').split(',').filter(isPeerUrl);
  if (from !== undefined && peerUrls.length > 0) peers.addRemote({ id: from, peerUrls });
}

const senderUrlMax = 16;

function isPeerUrl(text: string, at: number): boolean {
  return at < senderUrlMax && /^https?:\/\/[^/?#@\s]+$/.test(text) && URL.canParse(text);
}

/** Whether a message is a snapshot that may be followed by a store. */
export function isSnapshot(message: Message): boolean {
  return message.type === raftpb.MessageType.MsgSnap && message.snapshot !== undefined;
}
