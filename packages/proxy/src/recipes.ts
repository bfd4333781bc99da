import type { KeyPrefix } from '@quorate/client';
import type { Method } from '@quorate/rpc';
import { concatBytes, emptyBytes, type KeyRange } from '@quorate/std';
import { electionpb, lockpb } from '@quorate/wire';
import { decodeRequest } from './decode-request.ts';
import { forwarded, forwardedStream, translated, type Translation } from './forward.ts';
import { prefixRange, type RangeCache } from './range-cache.ts';
import type { Upstream } from './upstream.ts';

export interface RecipeOptions {
  readonly upstream: Upstream;
  readonly cache: RangeCache;
  readonly namespace: KeyPrefix;
  readonly closing: AbortSignal;
}

/** `v3lockpb.Lock` and `v3electionpb.Election`: names and keys are of the namespace, and what they write is not kept. */
export function recipeMethods(options: RecipeOptions): ReadonlyMap<string, Method> {
  const { namespace } = options;
  return new Map([...lockMethods(options), ...electionMethods(options, keysOf(namespace))]);
}

/** How names and keys change on the way. */
function keysOf(namespace: KeyPrefix) {
  const addTo = (name: Uint8Array): Uint8Array => concatBytes([namespace.bytes, name]);
  const strip = (key: Uint8Array): Uint8Array => (namespace.isOf(key) ? namespace.stripKey(key) : key);
  return {
    addTo,
    strip,
    addToLeader: (leader: electionpb.LeaderKey | undefined): electionpb.LeaderKey | undefined =>
      leader && { ...leader, name: addTo(leader.name), key: addTo(leader.key) },
    stripLeader: (leader: electionpb.LeaderKey | undefined): electionpb.LeaderKey | undefined =>
      leader && { ...leader, name: strip(leader.name), key: strip(leader.key) },
  };
}

function lockMethods(options: RecipeOptions): ReadonlyMap<string, Method> {
  const { methods, fullName } = lockpb.LockDefinition;
  const { addTo, strip } = keysOf(options.namespace);
  const waiting = { ...options, waits: true };
  return new Map([
    writing(`/${fullName}/Lock`, waiting, ({ name }: lockpb.LockRequest) => name, {
      ...typesOf(methods.lock),
      request: (request) => ({ ...request, name: addTo(request.name) }),
      response: (response) => ({ ...response, key: strip(response.key) }),
    }),
    writing(`/${fullName}/Unlock`, options, ({ key }: lockpb.UnlockRequest) => key, {
      ...typesOf(methods.unlock),
      request: (request) => ({ ...request, key: addTo(request.key) }),
      response: (response) => response,
    }),
  ]);
}

function electionMethods(
  options: RecipeOptions,
  { addTo, addToLeader, stripLeader }: ReturnType<typeof keysOf>,
): ReadonlyMap<string, Method> {
  const { methods, fullName } = electionpb.ElectionDefinition;
  const { namespace, upstream, closing } = options;
  const nameOf = ({ leader }: { readonly leader: electionpb.LeaderKey | undefined }): Uint8Array =>
    leader?.name ?? emptyBytes;
  const stripKv = (response: electionpb.LeaderResponse): electionpb.LeaderResponse => ({
    ...response,
    kv: namespace.stripKv(response.kv),
  });
  const { LeaderRequest, LeaderResponse } = electionpb;
  const named = (request: electionpb.LeaderRequest) => ({ ...request, name: addTo(request.name) });
  const leaderPath = `/${fullName}/Leader`;
  return new Map<string, Method>([
    writing(
      `/${fullName}/Campaign`,
      { ...options, waits: true },
      ({ name }: electionpb.CampaignRequest) => name,
      {
        ...typesOf(methods.campaign),
        request: (request) => ({ ...request, name: addTo(request.name) }),
        response: (response) => ({ ...response, leader: stripLeader(response.leader) }),
      },
    ),
    writing(`/${fullName}/Proclaim`, options, nameOf, {
      ...typesOf(methods.proclaim),
      request: (request) => ({ ...request, leader: addToLeader(request.leader) }),
      response: (response) => response,
    }),
    writing(`/${fullName}/Resign`, options, nameOf, {
      ...typesOf(methods.resign),
      request: (request) => ({ ...request, leader: addToLeader(request.leader) }),
      response: (response) => response,
    }),
    [
      leaderPath,
      namespace.isEmpty
        ? forwarded(leaderPath, { upstream, repeatable: true })
        : translated(
            leaderPath,
            { ...typesOf(methods.leader), request: named, response: stripKv },
            { upstream, repeatable: true },
          ),
    ],
    [
      `/${fullName}/Observe`,
      forwardedStream(`/${fullName}/Observe`, {
        ...{ upstream, closing },
        ...(!namespace.isEmpty && {
          changeRequest: (bytes) => LeaderRequest.encode(named(decodeRequest(LeaderRequest, bytes))).finish(),
          changeResponse: (bytes) => LeaderResponse.encode(stripKv(LeaderResponse.decode(bytes))).finish(),
        }),
      }),
    ],
  ]);
}

function typesOf<Q, R>({
  requestType,
  responseType,
}: Pick<Translation<Q, R>, 'requestType' | 'responseType'>): Pick<
  Translation<Q, R>,
  'requestType' | 'responseType'
> {
  return { requestType, responseType };
}

/** A method that writes keys which begin with what `nameOf` says of its request. */
function writing<Q, R>(
  path: string,
  options: RecipeOptions & { readonly waits?: boolean },
  nameOf: (request: Q) => Uint8Array,
  translation: Translation<Q, R>,
): readonly [string, Method] {
  const { upstream, cache, namespace, waits = false } = options;
  const forwarding = { upstream, waits };
  const method = namespace.isEmpty ? forwarded(path, forwarding) : translated(path, translation, forwarding);
  if (method.kind !== 'unary') return [path, method];
  const handler: typeof method.handler = async (request, call) => {
    const name = nameOf(decodeRequest(translation.requestType, request));
    const range: KeyRange = prefixRange(concatBytes([namespace.bytes, name]));
    try {
      return await method.handler(request, call);
    } finally {
      cache.invalidate([range]);
    }
  };
  return [path, { kind: 'unary', handler }];
}
