import { AuthError } from './errors.ts';

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The hash of a password in a request of the log: base64, as Go reads it. Nothing is no password; members older
 * than 3.5 wrote the password itself instead, for every member to hash, each with salt of its own: we have their
 * users without a password until it is changed.
 *
 * @throws AuthError AUTH_NO_PASSWORD_USER, as etcd has it
 */
export function decodeHash(text: string): Uint8Array {
  const joined = text.replace(/[\r\n]/g, '');
  if (!base64.test(joined)) throw new AuthError('AUTH_NO_PASSWORD_USER');
  return new Uint8Array(Buffer.from(joined, 'base64'));
}
