import type { rpcpb } from '@quorate/wire';
import type { Login } from './identities.ts';
import type { Operation } from './operation.ts';

/**
 * What a script knows of users from the answers it got: their passwords, and since when what proves them is what it is.
 * It decides nothing: it is there to log in, and to say what may differ.
 */
export class AuthKnowledge {
  /** The auth revision, as it was last told. */
  revision = 1n;
  isEnabled = false;
  readonly #passwords = new Map<string, string>();
  readonly #withoutPassword = new Set<string>();
  /** The auth revisions of creations and changes of password. */
  readonly #credentialsSince = new Map<string, bigint>();
  #disabledAt = 0n;
  #startedAt = 0n;

  /** The users with whom a login must work, and their passwords. */
  get passwords(): ReadonlyMap<string, string> {
    return this.#passwords;
  }

  isUser(name: string): boolean {
    return this.#credentialsSince.has(name);
  }

  /** Takes note of an operation that both servers did. Some have raised the revision, as only asking can tell. */
  learn({ method, request }: Operation): void {
    // The method says the type of the request.
    switch (method) {
      case 'Auth/AuthEnable':
        this.isEnabled = true;
        return;
      case 'Auth/AuthDisable':
        if (this.isEnabled) this.#disabledAt = ++this.revision;
        this.isEnabled = false;
        return;
      case 'Auth/UserAdd':
        return this.#learnUser(request as rpcpb.AuthUserAddRequest);
      case 'Auth/UserChangePassword':
        return this.#learnPassword(request as rpcpb.AuthUserChangePasswordRequest);
      case 'Auth/UserDelete': {
        const { name } = request as rpcpb.AuthUserDeleteRequest;
        this.#credentialsSince.delete(name);
        this.#passwords.delete(name);
        this.#withoutPassword.delete(name);
        return;
      }
    }
  }

  /** The servers start again: what has changed until now is not known to be of somebody else. */
  learnRestart(): void {
    this.#startedAt = this.revision;
  }

  /** Whether what a login proved still is so, as far as Quorate can know. */
  holds({ user, revision }: Login): boolean {
    const since = this.#credentialsSince.get(user);
    if (since === undefined) return false;
    return revision >= since && revision >= this.#disabledAt && revision >= this.#startedAt;
  }

  #learnUser({ name, password, options }: rpcpb.AuthUserAddRequest): void {
    this.#credentialsSince.set(name, ++this.revision);
    if (options?.noPassword === true) this.#withoutPassword.add(name);
    else this.#passwords.set(name, password);
  }

  /** Who has none by his options goes on so. */
  #learnPassword({ name, password }: rpcpb.AuthUserChangePasswordRequest): void {
    this.#credentialsSince.set(name, ++this.revision);
    if (password === '') this.#passwords.delete(name);
    else if (!this.#withoutPassword.has(name)) this.#passwords.set(name, password);
  }
}
