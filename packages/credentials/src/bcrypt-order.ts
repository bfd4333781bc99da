/** What a bcrypt thread is asked to do. */
export type BcryptOrder =
  | { readonly kind: 'hash'; readonly password: string; readonly cost: number }
  | { readonly kind: 'match'; readonly password: string; readonly hash: string };

/** What it answers: a hash to the first order, whether the password matches to the second. */
export type BcryptAnswer = string | boolean;
