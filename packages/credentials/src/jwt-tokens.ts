import type { KeyObject } from 'node:crypto';
import { AuthError, type SignedTokens, type TokenClaims } from '@quorate/auth';
import { invariant, systemClock, type Clock } from '@quorate/std';
import { CompactSign, compactVerify } from 'jose';
import type { JwtOptions, SignMethod } from './auth-token.ts';
import { readClaims, writeClaims, type VerifiedClaims } from './jwt-claims.ts';
import { readJwtKeys, type JwtKeys, type ReadFile } from './jwt-keys.ts';
import { RecentMap } from './recent-map.ts';

const tokenLengthMaxDefault = 8 * 1024;
const rememberedMaxDefault = 10_000;
const verifyingMaxDefault = 2;
const queueMaxDefault = 1_024;

/** Limits, and where time comes from. */
export interface JwtTokensSettings {
  /** What expiry is measured with: its `wallMs`. */
  readonly clock?: Clock;
  /** Longer tokens are refused before anything looks into them; 8 KiB by default. */
  readonly tokenLengthMax?: number;
  /** How many verified tokens are remembered, so that `peek` knows them; 10,000 by default. */
  readonly rememberedMax?: number;
  /**
   * How many signatures are computed at once; 2 by default. They share a few threads of Node with the writes to
   * disk, which must not wait for a flood of forged tokens.
   */
  readonly verifyingMax?: number;
  /** How many tokens may wait for that; the next counts as not valid. 1,024 by default. */
  readonly queueMax?: number;
  /** Whom the claim `aud` must name. By default a token that has it is for somebody else. */
  readonly audience?: string;
}

/**
 * JSON Web Tokens with the claims of etcd's, so that a token of either is valid on members of both with the same keys.
 *
 * A token holds if it was signed with exactly the configured method and key; what its header says of methods, keys or
 * certificates decides nothing.
 */
export class JwtTokens implements SignedTokens {
  /** What an operator should read at the start: options without a meaning, a weak secret. */
  readonly warnings: readonly string[];
  readonly #method: SignMethod;
  readonly #signing: KeyObject | undefined;
  readonly #verifying: KeyObject;
  readonly #ttlMs: number;
  readonly #clock: Clock;
  readonly #tokenLengthMax: number;
  readonly #audience: string | undefined;
  readonly #verified: RecentMap<VerifiedClaims>;
  readonly #turns: Turns;
  /** Tokens that are being verified, so that many calls with a new token cost one signature. */
  readonly #pending = new Map<string, Promise<VerifiedClaims | undefined>>();

  private constructor(options: JwtOptions, keys: JwtKeys, settings: JwtTokensSettings) {
    this.warnings = [
      ...options.unknown.map((name) => `--auth-token: the option ${JSON.stringify(name)} means nothing`),
      ...keys.warnings,
    ];
    this.#method = options.signMethod;
    this.#signing = keys.signing;
    this.#verifying = keys.verifying;
    this.#ttlMs = options.ttlMs;
    this.#clock = settings.clock ?? systemClock;
    this.#tokenLengthMax = settings.tokenLengthMax ?? tokenLengthMaxDefault;
    this.#audience = settings.audience;
    this.#verified = new RecentMap(settings.rememberedMax ?? rememberedMaxDefault);
    this.#turns = new Turns(
      settings.verifyingMax ?? verifyingMaxDefault,
      settings.queueMax ?? queueMaxDefault,
    );
  }

  /**
   * Reads the keys and is ready. Keys that changed on disk are read by opening anew.
   *
   * @throws CredentialsError CREDENTIALS_AUTH_TOKEN when a key is missing or does not fit
   */
  static async open(
    options: JwtOptions,
    readFile: ReadFile,
    settings: JwtTokensSettings = {},
  ): Promise<JwtTokens> {
    return new JwtTokens(options, await readJwtKeys(options, readFile), settings);
  }

  /** A token for this user, valid for the configured time. @throws AuthError AUTH_TOKEN_NOT_SIGNED */
  async sign({ user, revision }: TokenClaims): Promise<string> {
    if (this.#signing === undefined) throw new AuthError('AUTH_TOKEN_NOT_SIGNED');
    const expiresAtMs = Math.floor((this.#clock.wallMs() + this.#ttlMs) / 1000) * 1000;
    const claims = { user, revision, expiresAtMs };
    const token = await new CompactSign(writeClaims(claims))
      .setProtectedHeader({ alg: this.#method, typ: 'JWT' })
      .sign(this.#signing);
    // A user name may be so long that nobody would take the token.
    if (token.length <= this.#tokenLengthMax) this.#verified.set(token, claims);
    return token;
  }

  /** What a token says; undefined for whatever is not a valid token now. Never throws. */
  async verify(token: string): Promise<VerifiedClaims | undefined> {
    if (token.length > this.#tokenLengthMax) return undefined;
    const known = this.#verified.get(token);
    if (known !== undefined) return this.#unexpired(token, known);
    const pending = this.#pending.get(token);
    if (pending !== undefined) return pending;
    if (this.#turns.full) return undefined;
    const verifying = this.#verifySignature(token).finally(() => this.#pending.delete(token));
    this.#pending.set(token, verifying);
    return verifying;
  }

  /**
   * What a token says that was verified, or signed, here before and has not expired; undefined for any other, about
   * which only `verify` can tell. One lookup, no waiting.
   */
  peek(token: string): VerifiedClaims | undefined {
    if (token.length > this.#tokenLengthMax) return undefined;
    const known = this.#verified.get(token);
    return known && this.#unexpired(token, known);
  }

  #unexpired(token: string, claims: VerifiedClaims): VerifiedClaims | undefined {
    if (this.#clock.wallMs() < claims.expiresAtMs) return claims;
    this.#verified.delete(token);
    return undefined;
  }

  async #verifySignature(token: string): Promise<VerifiedClaims | undefined> {
    await this.#turns.take();
    try {
      const { payload, protectedHeader } = await compactVerify(token, this.#verifying, {
        algorithms: [this.#method],
      });
      // An extension that must be understood: etcd has none, and the library knows one that we do not want.
      if (protectedHeader.crit !== undefined) return undefined;
      const claims = readClaims(payload, { nowMs: this.#clock.wallMs(), audience: this.#audience });
      if (claims !== undefined) this.#verified.set(token, claims);
      return claims;
    } catch {
      // Whatever the reason, this is not a token of ours; the reason helps nobody but who forged it.
      return undefined;
    } finally {
      this.#turns.giveBack();
    }
  }
}

/** At most so many at a time, and so many that wait for their turn, in order. */
class Turns {
  readonly #queueMax: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(turnsMax: number, queueMax: number) {
    invariant(turnsMax >= 1, 'a token has its turn some time');
    this.#free = turnsMax;
    this.#queueMax = queueMax;
  }

  /** Whether nobody else may wait. */
  get full(): boolean {
    return this.#free === 0 && this.#waiting.length >= this.#queueMax;
  }

  take(): Promise<void> {
    if (this.#free === 0) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#free--;
    return Promise.resolve();
  }

  giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
