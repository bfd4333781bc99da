import type { TokenClaims } from '@quorate/auth';

/** What a verified token says. */
export interface VerifiedClaims extends TokenClaims {
  /** From this moment of the wall clock on the token is not valid. */
  readonly expiresAtMs: number;
}

/** When and for whom a token has to be valid. */
export interface ClaimsContext {
  readonly nowMs: number;
  /** Whom `aud` must name if the token has it; undefined: no such token is for us. */
  readonly audience: string | undefined;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The claims of a payload whose signature is right: `username`, `revision` and `exp` as etcd writes them, all three
 * required and of the right type. `nbf` and `aud` are honoured (RFC 7519), others ignored. Undefined for a payload that
 * does not hold, by its shape or now.
 */
export function readClaims(payload: Uint8Array, context: ClaimsContext): VerifiedClaims | undefined {
  const claims = parseObject(payload);
  if (claims === undefined) return undefined;
  const { username, revision, exp, nbf, aud } = claims;
  if (typeof username !== 'string' || username === '') return undefined;
  if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || revision < 0) return undefined;
  if (typeof exp !== 'number' || !(exp * 1000 > context.nowMs)) return undefined;
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1000 <= context.nowMs)) return undefined;
  if (aud !== undefined && !names(aud, context.audience)) return undefined;
  return { user: username, revision, expiresAtMs: exp * 1000 };
}

/** The payload of a token, in the order in which etcd writes its members. */
export function writeClaims(claims: VerifiedClaims): Uint8Array {
  const { user, revision, expiresAtMs } = claims;
  return new TextEncoder().encode(JSON.stringify({ exp: expiresAtMs / 1000, revision, username: user }));
}

function parseObject(payload: Uint8Array): Partial<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(strictUtf8.decode(payload));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return { ...value };
  } catch {
    return undefined;
  }
}

function names(aud: unknown, audience: string | undefined): boolean {
  if (audience === undefined) return false;
  return Array.isArray(aud) ? aud.includes(audience) : aud === audience;
}
