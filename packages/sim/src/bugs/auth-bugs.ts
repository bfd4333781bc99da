import type { PlantedBug } from './planted-bug.ts';

/** Mistakes in who may do what. */
export const authBugs: readonly PlantedBug[] = [
  {
    name: 'permission-not-checked-at-apply',
    file: 'packages/replica/src/applier.ts',
    edits: [
      {
        find: 'if (auth.isEnabled) auth.check({ name: username, revision: authRevision }, access(), lessor);',
        replace: '',
      },
    ],
    auth: true,
    why: 'Whether a request is allowed is looked at when it is proposed, and not when it is applied.',
  },
  {
    name: 'auth-revision-not-compared',
    file: 'packages/auth/src/auth-store.ts',
    edits: [
      { find: "if (revision < this.#revision) throw new AuthError('AUTH_OLD_REVISION');", replace: '' },
    ],
    auth: true,
    why: 'A request is applied by who asked for it, though users have changed since it was looked at.',
  },
  {
    name: 'read-allowed-before-read-index',
    file: 'packages/replica/src/kv-api.ts',
    edits: [
      {
        find: 'if (!serializable) return linearizable().map(() => this.#checkAllowed(caller, access));',
        replace:
          'if (!serializable) {\n      this.#checkAllowed(caller, access);\n      return linearizable();\n    }',
      },
    ],
    auth: true,
    why: 'Whether a read is allowed is decided on what the member knew before its ReadIndex.',
  },
  {
    name: 'watchers-not-looked-at-again',
    file: 'packages/replica/src/replica.ts',
    edits: [
      {
        find: 'onAuthChange: () => clock.soon(() => state.hub.reauthorize()),',
        replace: 'onAuthChange: () => {},',
      },
    ],
    auth: true,
    why: 'Watchers go on after what they watch by was revoked.',
  },
  {
    name: 'watchers-not-looked-at-after-snapshot',
    file: 'packages/replica/src/open-state.ts',
    edits: [{ find: 'state.hub.reauthorize();', replace: '' }],
    auth: true,
    faults: ['lag'],
    members: 3,
    why: 'Watchers go on where the revocation came in a snapshot.',
  },
  {
    name: 'token-outlives-password',
    file: 'packages/auth/src/auth-store.ts',
    edits: [
      {
        find: 'directory.changePassword(decoded, changes);\n        this.#credentialChanges.set(decoded.name, this.#revision + 1);',
        replace: 'directory.changePassword(decoded, changes);',
      },
    ],
    auth: true,
    why: 'A token stays good when the password that it was given for is changed.',
  },
  {
    name: 'token-of-a-namesake',
    file: 'packages/auth/src/auth-store.ts',
    edits: [
      {
        find: 'directory.addUser(decoded, changes);\n        this.#credentialChanges.set(decoded.name, this.#revision + 1);',
        replace: 'directory.addUser(decoded, changes);',
      },
    ],
    auth: true,
    why: 'A user who is made again under an old name can be acted for with the tokens of the one before.',
  },
  {
    name: 'tokens-outlive-authentication',
    file: 'packages/auth/src/auth-store.ts',
    edits: [{ find: 'this.#disabledAt = this.#revision;', replace: '' }],
    auth: true,
    why: 'Tokens from before authentication was turned off are good again when it is turned on.',
  },
  {
    name: 'login-overtaken',
    file: 'packages/replica/src/auth-api.ts',
    edits: [
      {
        find: 'return user.provenAt === checkedAt ? simpleTokenOf(simpleToken, index) : undefined;',
        replace: 'return simpleTokenOf(simpleToken, index);',
      },
    ],
    auth: true,
    why: 'A login with the old password is good although the password was changed while it was on its way.',
  },
  {
    name: 'users-kept-over-snapshot',
    file: 'packages/replica/src/open-state.ts',
    edits: [{ find: 'state.auth = by.auth;', replace: '' }],
    auth: true,
    faults: ['lag'],
    members: 3,
    why: 'A member that installs a snapshot goes on with the users that it had.',
  },
  {
    name: 'snapshot-without-roles',
    file: 'packages/replica/src/store-export.ts',
    edits: [
      {
        find: "rows: () => (bucket === 'key' ? etcdRowsOf(snapshot) : snapshot.scan(bucket)),",
        replace:
          "rows: () => (bucket === 'key' ? etcdRowsOf(snapshot) : bucket === 'authRoles' ? snapshot.scan('alarm') : snapshot.scan(bucket)),",
      },
    ],
    auth: true,
    faults: ['lag'],
    members: 3,
    why: 'A member that catches up by snapshot knows no roles.',
  },
  {
    name: 'authentication-not-stored',
    file: 'packages/auth/src/auth-store.ts',
    edits: [{ find: "changes.put('auth', enabledRowKey, encodeEnabledRow(true));", replace: '' }],
    auth: true,
    why: 'That authentication is on is not stored: after a restart everybody may do everything.',
  },
  {
    name: 'range-end-included',
    file: 'packages/auth/src/key-intervals.ts',
    edits: [
      {
        find: 'return end !== undefined && start < end && endExclusive <= end;',
        replace:
          'return end !== undefined && start <= end && (endExclusive <= end || endExclusive === `${end}\\0`);',
      },
    ],
    auth: true,
    why: 'A permission on a range is one on its end, too.',
  },
  {
    name: 'permission-cache-kept',
    file: 'packages/auth/src/directory.ts',
    edits: [
      {
        find: 'if (user.stored.roles.includes(role.name)) user.permissions = undefined;',
        replace: '',
      },
    ],
    auth: true,
    why: 'What a user may do stays as it was when permissions of his roles change.',
  },
  {
    name: 'refused-by-who-lags',
    file: 'packages/replica/src/gate.ts',
    edits: [{ find: 'if (!(await this.#isBroughtUpToDate())) throw refusal;', replace: 'throw refusal;' }],
    auth: true,
    why: 'A member that has not heard of a permission refuses by what it knows.',
  },
  {
    name: 'old-revision-not-tried-again',
    file: 'packages/replica/src/gate.ts',
    edits: [
      {
        find: 'if (!mayGoAgain(error, caller) || clock.now() >= deadlineMs) throw error;',
        replace: 'throw error;',
      },
    ],
    auth: true,
    why: 'Whoever is allowed is refused because the rights of others have changed meanwhile.',
  },
  {
    name: 'nobody-where-authentication-is-news',
    file: 'packages/replica/src/auth-api.ts',
    edits: [
      {
        find: 'return auth.isEnabled ? this.#identifyByToken(token) : this.#identifyWhileOff(token);',
        replace: 'return auth.isEnabled ? this.#identifyByToken(token) : nobody;',
      },
    ],
    auth: true,
    why: 'To a member that has not heard that authentication is on, whoever has a token is nobody.',
  },
  {
    name: 'password-in-log',
    file: 'packages/replica/src/auth-api.ts',
    edits: [
      {
        find: "rpcpb.AuthUserAddRequest.encode({ ...request, password: '', hashedPassword })",
        replace: 'rpcpb.AuthUserAddRequest.encode({ ...request, hashedPassword })',
      },
    ],
    auth: true,
    why: 'The password of a new user goes into the log in clear, beside its hash.',
  },
];
