import { ruleOf, type Caller } from '@quorate/auth';
import type { Replica } from '@quorate/replica';

/**
 * Who somebody with that token is for a member, if he may call this RPC at all: what stands before every handler of
 * the client port.
 *
 * @throws AuthError, ReplicaError
 */
export async function admitted(replica: Replica, path: string, token: string | undefined): Promise<Caller> {
  const { auth } = replica;
  const rule = ruleOf(path);
  if (rule === undefined) throw new Error(`there is no rule for ${path}`);
  if (rule.level === 'open') return { kind: 'nobody' };
  const caller = await auth.identify({ token, commonName: undefined });
  if (rule.enforcedBy === 'port' && (rule.level === 'login' || rule.level === 'admin'))
    await auth.permit(caller, { level: rule.level }, rule);
  return caller;
}
