import { AuthError, type Passwords } from '@quorate/auth';
import { fromUtf8, toUtf8 } from '@quorate/std';

const prefix = 'plain:';

/**
 * Passwords for tests and simulations: no thread, no work, no chance. The "hash" is the password itself, so it must
 * never be near anything real.
 */
export class PlainPasswords implements Passwords {
  /** `plain:` and the password in base64. @throws AuthError AUTH_PASSWORD_TOO_LONG as the real ones */
  async hash(password: string): Promise<string> {
    const bytes = fromUtf8(password);
    if (bytes.length > 72) throw new AuthError('AUTH_PASSWORD_TOO_LONG');
    return prefix + Buffer.from(bytes).toString('base64');
  }

  /** Whether it is a hash of this class, and of this password. */
  async matches(password: string, hash: string | undefined): Promise<boolean> {
    if (hash === undefined || !hash.startsWith(prefix)) return false;
    return toUtf8(Buffer.from(hash.slice(prefix.length), 'base64')) === password;
  }
}
