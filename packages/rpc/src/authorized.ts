import { AuthError, disproved, nobody, ruleOf, type Access, type Caller, type RpcRule } from '@quorate/auth';
import type { Member } from './member.ts';
import { promised } from './promised.ts';
import type { ServiceMethod } from './service-method.ts';
import type { Answer, Call, Method, StreamCall } from './transport.ts';

/**
 * A method behind the question who calls it, and whether he may: the rule of its path in `rpcRules` says what it
 * takes. A path without a rule is refused to everybody.
 */
export function authorized(path: string, method: ServiceMethod, { auth }: Member): Method {
  const rule = ruleOf(path);
  if (method.kind === 'stream') {
    const { handler, takesDisproved = false } = method;
    const admit = (call: StreamCall, caller: Caller): Promise<void> => {
      const decision = permitted(rule, caller, auth);
      if (decision === undefined) return handler(call, caller);
      return decision.then(() => handler(call, caller));
    };
    return {
      ...method,
      handler: (call: StreamCall) =>
        promised(() => {
          const caller = identifiedOnStream(rule, call, { auth, takesDisproved });
          if (caller instanceof Promise) return caller.then((identity) => admit(call, identity));
          return admit(call, caller);
        }),
    };
  }
  const { handler } = method;
  return {
    kind: 'unary',
    handler: (request, call) => {
      const caller = identified(rule, call, auth);
      const admit = (identity: Caller): Answer => {
        const decision = permitted(rule, identity, auth);
        if (decision === undefined) return handler(request, call, identity);
        return decision.then(() => handler(request, call, identity));
      };
      return caller instanceof Promise ? caller.then(admit) : admit(caller);
    },
  };
}

/** Who calls. What is open to all is so to those with a stale token, too: that is how they get a new one. */
function identified(rule: RpcRule | undefined, call: Call, auth: Member['auth']): Caller | Promise<Caller> {
  if (rule === undefined) throw new AuthError('AUTH_PERMISSION_DENIED');
  if (rule.level === 'open') return nobody;
  return auth.identify({ token: tokenOf(call), commonName: commonNameOf(call) });
}

/** The same, and whom a token that does not hold makes of a caller, where that ends no call. */
function identifiedOnStream(
  rule: RpcRule | undefined,
  call: StreamCall,
  { auth, takesDisproved }: { readonly auth: Member['auth']; readonly takesDisproved: boolean },
): Caller | Promise<Caller> {
  const disprovedBy = (error: unknown): Caller => {
    if (takesDisproved && error instanceof AuthError && error.code === 'AUTH_INVALID_TOKEN') return disproved;
    throw error;
  };
  try {
    const caller = identified(rule, call, auth);
    return caller instanceof Promise ? caller.catch(disprovedBy) : caller;
  } catch (error) {
    return disprovedBy(error);
  }
}

/** Decides where the rule says that this is the place; a promise when it has to wait for that. */
function permitted(
  rule: RpcRule | undefined,
  caller: Caller,
  auth: Member['auth'],
): Promise<void> | undefined {
  if (rule === undefined) throw new AuthError('AUTH_PERMISSION_DENIED');
  if (rule.enforcedBy === 'member' || rule.level === 'open') return undefined;
  return auth.permit(caller, accessOfLevel(rule.level), rule);
}

/** What can be decided without looking at the request; everything else would be a mistake in the table. */
function accessOfLevel(level: Access['level']): Access {
  if (level === 'login' || level === 'admin') return { level };
  throw new AuthError('AUTH_PERMISSION_DENIED');
}

/**
 * The name in the client's certificate. Not that of a gateway, which speaks for others: it marks their calls, as etcd's
 * does (advisory CVE-2018-16886).
 */
function commonNameOf(call: Call): string | undefined {
  return call.metadata('grpcgateway-accept') === undefined ? call.commonName : undefined;
}

/** The key `token`, else `authorization`, where a word `Bearer` may stand before it (reference: tokens). */
function tokenOf(call: Call): string | undefined {
  return call.metadata('token') ?? call.metadata('authorization')?.replace(/^Bearer /i, '');
}
