import { EtcdError } from '@quorate/client';
import type { KeyValue, KvRequest, KvResponse, Response as Told } from '@quorate/sim';
import type { LoadRequest } from '../cluster/call.ts';
import type { LoadConnection } from '../cluster/judged.ts';

/** A message in etcd's JSON: what is zero, empty or false is left out, and 64-bit numbers are text. */
interface Message {
  readonly [field: string]: string | boolean | Message | readonly Message[] | undefined;
}

const invalidArgument = 3;

/** A connection of a load to a gateway, over JSON that is written and read here by hand. */
export function dialJson(url: string): LoadConnection {
  return {
    ask: async (request, { timeoutMs }) => {
      const { path, body } = posted(request);
      const message = await post(`${url}${path}`, body, timeoutMs);
      return {
        kind: 'ok',
        revision: count(field(message, 'header')['revision']),
        response: told(request, message),
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Posts JSON and reads the answer. @throws EtcdError */
export async function post(url: string, body: unknown, timeoutMs: number): Promise<Message> {
  const response = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((cause: unknown) => {
    throw new EtcdError('UNAVAILABLE', `${url} can't be reached`, { cause, unsent: isRefused(cause) });
  });
  const text = await response.text().catch((cause: unknown) => {
    throw new EtcdError('UNAVAILABLE', `${url} broke off`, { cause });
  });
  // What is no message has none of its fields, and is found out below or by the checkers.
  const message = JSON.parse(text) as Message;
  if (response.ok) return message;
  const code = Number(message['code']) === invalidArgument ? 'INVALID_ARGUMENT' : 'UNKNOWN';
  throw new EtcdError(code, string(message['message']));
}

function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

function posted(request: LoadRequest): { readonly path: string; readonly body: unknown } {
  switch (request.kind) {
    case 'range':
      return { path: '/v3/kv/range', body: bodyOf(request) };
    case 'put':
      return { path: '/v3/kv/put', body: bodyOf(request) };
    case 'deleteRange':
      return { path: '/v3/kv/deleterange', body: bodyOf(request) };
    case 'txn':
      return { path: '/v3/kv/txn', body: bodyOf(request) };
    case 'leaseGrant':
      return { path: '/v3/lease/grant', body: { ID: String(request.id), TTL: request.ttlSeconds } };
    case 'leaseRevoke':
      return { path: '/v3/lease/revoke', body: { ID: String(request.id) } };
  }
}

function bodyOf(request: KvRequest): unknown {
  switch (request.kind) {
    case 'range': {
      const { limit = 0, revision = 0, serializable = false } = request;
      return { ...keys(request), limit: String(limit), revision: String(revision), serializable };
    }
    case 'put': {
      const { key, value, prevKv = false, lease = 0n } = request;
      return { key: base64(key), value: base64(value), prev_kv: prevKv, lease: String(lease) };
    }
    case 'deleteRange':
      return keys(request);
    case 'txn':
      return {
        compare: request.compare.map(({ key, operand }) => ({
          ...{ key: base64(key), target: 'MOD', result: 'EQUAL' },
          mod_revision: String(operand),
        })),
        success: request.success.map(operation),
        failure: request.failure.map(operation),
      };
  }
}

const operationFields = {
  range: 'request_range',
  put: 'request_put',
  deleteRange: 'request_delete_range',
  txn: 'request_txn',
} as const;

function operation(request: KvRequest): unknown {
  return { [operationFields[request.kind]]: bodyOf(request) };
}

function told(request: LoadRequest, message: Message): Told {
  switch (request.kind) {
    case 'leaseGrant':
      return {
        kind: 'leaseGrant',
        id: BigInt(string(message['ID'])),
        ttlSeconds: count(message['TTL']),
      };
    case 'leaseRevoke':
      return { kind: 'leaseRevoke' };
    default:
      return responseTo(request, message);
  }
}

function responseTo(request: KvRequest, message: Message): KvResponse {
  switch (request.kind) {
    case 'range':
      return {
        kind: 'range',
        kvs: list(message, 'kvs').map(keyValue),
        count: count(message['count']),
        more: message['more'] === true,
      };
    case 'put': {
      const { prev_kv: previous } = message;
      return { kind: 'put', ...(previous !== undefined && { prevKv: keyValue(field(message, 'prev_kv')) }) };
    }
    case 'deleteRange':
      return {
        kind: 'deleteRange',
        deleted: count(message['deleted']),
        prevKvs: list(message, 'prev_kvs').map(keyValue),
      };
    case 'txn': {
      const succeeded = message['succeeded'] === true;
      const done = succeeded ? request.success : request.failure;
      const responses = list(message, 'responses');
      return {
        kind: 'txn',
        succeeded,
        responses: done.map((each, at) => {
          const name = operationFields[each.kind].replace('request', 'response');
          return responseTo(each, field(responses[at] ?? {}, name));
        }),
      };
    }
  }
}

function keys({ key, rangeEnd = '' }: { readonly key: string; readonly rangeEnd?: string }): Message {
  return { key: base64(key), range_end: base64(rangeEnd) };
}

function keyValue(message: Message): KeyValue {
  return {
    key: latin1(message['key']),
    value: latin1(message['value']),
    createRevision: count(message['create_revision']),
    modRevision: count(message['mod_revision']),
    version: count(message['version']),
    lease: BigInt(string(message['lease'] ?? '0')),
  };
}

function base64(latin1Text: string): string {
  return Buffer.from(latin1Text, 'latin1').toString('base64');
}

function latin1(value: Message[string]): string {
  return Buffer.from(string(value ?? ''), 'base64').toString('latin1');
}

function count(value: Message[string]): number {
  return Number(string(value ?? '0'));
}

function string(value: Message[string]): string {
  if (typeof value !== 'string') throw new Error(`the gateway answered ${JSON.stringify(value)}, not a text`);
  return value;
}

function field(message: Message, name: string): Message {
  const value = message[name];
  if (typeof value === 'object' && !isList(value)) return value;
  throw new Error(`the gateway answered ${JSON.stringify(message)}, without ${name}`);
}

function list(message: Message, name: string): readonly Message[] {
  const value = message[name];
  return typeof value === 'object' && isList(value) ? value : [];
}

function isList(value: Message | readonly Message[]): value is readonly Message[] {
  return Array.isArray(value);
}
