import { emptyBytes, fromLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { authOp } from './auth-operations.ts';
import type { Dice } from './dice.ts';
import type { KvRequests } from './kv-requests.ts';
import { op, type Operation } from './operation.ts';

/** The user that must keep a password, or nobody could turn authentication off. */
const root = 'root';

/** Few, so that requests meet; and names that are a case of their own for one of the two. */
const users = [
  'alice',
  'alice',
  'alice',
  'bob',
  'bob',
  'carol',
  '__proto__',
  'constructor',
  '\u00fc\u{1f511}',
];
const oddUsers = ['', 'a\0b', ' ', 'root ', 'x'.repeat(3_000), '\ufeffalice'];
const roles = ['reader', 'reader', 'writer', 'writer', 'ops', '__proto__', '\u00e9\u2028'];
const oddRoles = ['', 'a\0', 'Root', 'toString'];

const longest = 'p'.repeat(72);
/** What bcrypt takes: up to 72 bytes. Those with a zero byte differ after it. */
const passwords = ['one', 'two', 'three', 'p\u00e4ss\u{1f511}', 'a\0b', 'a\0c', longest, '\u00fc'.repeat(36)];
const tooLong = [`${longest}p`, '\u00fc'.repeat(37), 'q'.repeat(200)];

/** How often what is asked for. */
const changes = {
  userAdd: 30,
  userDelete: 8,
  changePassword: 14,
  grantRole: 50,
  revokeRole: 12,
  roleAdd: 25,
  roleDelete: 6,
  grantPermission: 70,
  revokePermission: 25,
} as const;

/** Random requests about users, roles and permissions, and to the cluster: mostly proper ones, with every mistake. */
export class AuthRequests {
  readonly #dice: Dice;
  readonly #kv: KvRequests;
  /** Ranges that were granted: only those can be revoked. */
  readonly #granted: Partial<rpcpb.AuthRoleRevokePermissionRequest>[] = [];

  constructor(dice: Dice, kv: KvRequests) {
    this.#dice = dice;
    this.#kv = kv;
  }

  user(): string {
    const dice = this.#dice;
    if (dice.perMille(60)) return dice.pick(oddUsers);
    return dice.perMille(120) ? root : dice.pick(users);
  }

  role(): string {
    const dice = this.#dice;
    if (dice.perMille(60)) return dice.pick(oddRoles);
    return dice.perMille(80) ? root : dice.pick(roles);
  }

  password(): string {
    const dice = this.#dice;
    return dice.perMille(60) ? dice.pick(tooLong) : dice.pick(passwords);
  }

  /** Changes users, roles or permissions, or tries to. */
  change(): Operation {
    const dice = this.#dice;
    switch (dice.weighted(changes)) {
      case 'userAdd':
        return this.#userAdd();
      case 'userDelete':
        return authOp.userDelete(this.user());
      case 'changePassword':
        return this.#changePassword();
      case 'grantRole':
        return authOp.userGrantRole(this.user(), this.role());
      case 'revokeRole':
        return authOp.userRevokeRole(this.user(), this.role());
      case 'roleAdd':
        return authOp.roleAdd(this.role());
      case 'roleDelete':
        return authOp.roleDelete(this.role());
      case 'grantPermission':
        return this.#grantPermission();
      case 'revokePermission':
        return this.#revokePermission();
    }
  }

  /** Asks about users and roles. */
  read(): Operation {
    switch (this.#dice.weighted({ user: 5, users: 2, role: 5, roles: 2, status: 2 })) {
      case 'user':
        return authOp.userGet(this.user());
      case 'users':
        return authOp.userList();
      case 'role':
        return authOp.roleGet(this.role());
      case 'roles':
        return authOp.roleList();
      case 'status':
        return authOp.status();
    }
  }

  /** What operators ask for; nothing that a cluster of one member would do. */
  cluster(): Operation {
    const dice = this.#dice;
    const unknown = dice.pick([0n, 1n, 2n ** 64n - 1n]);
    switch (
      dice.weighted({
        list: 6,
        add: 2,
        remove: 1,
        update: 2,
        promote: 1,
        status: 6,
        hash: 2,
        hashKv: 4,
        more: 4,
      })
    ) {
      case 'list':
        return op.memberList({ linearizable: dice.perMille(500) });
      case 'add':
        return authOp.memberAdd({ peerURLs: dice.pick(badUrls), isLearner: dice.perMille(500) });
      case 'remove':
        return authOp.memberRemove(unknown);
      case 'update':
        return authOp.memberUpdate({ ID: unknown, peerURLs: ['http://127.0.0.1:1'] });
      case 'promote':
        return authOp.memberPromote(unknown);
      case 'status':
        return op.status();
      case 'hash':
        return op.hash();
      case 'hashKv':
        return op.hashKv({ revision: this.#kv.revision() });
      case 'more':
        return this.#maintenance(unknown);
    }
  }

  #maintenance(unknown: bigint): Operation {
    const dice = this.#dice;
    switch (
      dice.weighted({ alarms: 6, raiseNone: 1, disarm: 2, defragment: 2, moveLeader: 2, downgrade: 2 })
    ) {
      case 'alarms':
        return op.alarm({ action: 0, alarm: dice.pick([0, 1, 2] as const) });
      case 'raiseNone':
        return op.alarm({ action: 1, alarm: 0, memberID: unknown });
      case 'disarm':
        return op.alarm({ action: 2, alarm: dice.pick([1, 2] as const), memberID: 5n });
      case 'defragment':
        return op.defragment();
      case 'moveLeader':
        return authOp.moveLeader(unknown);
      case 'downgrade':
        return authOp.downgrade({ action: dice.pick([0, 1] as const), version: 'no version' });
    }
  }

  #userAdd(): Operation {
    const dice = this.#dice;
    const name = this.user();
    if (name === root) return authOp.userAdd({ name, password: this.password() });
    // Never without a password: etcd adds a user who logs in with an empty one, Quorate one who cannot log in.
    switch (dice.weighted({ plain: 12, options: 3, none: 3, noneWithPassword: 2 })) {
      case 'plain':
        return authOp.userAdd({ name, password: this.password() });
      case 'options':
        return authOp.userAdd({ name, password: this.password(), options: { noPassword: false } });
      case 'none':
        return authOp.userAdd({ name, options: { noPassword: true } });
      case 'noneWithPassword':
        return authOp.userAdd({ name, password: this.password(), options: { noPassword: true } });
    }
  }

  #changePassword(): Operation {
    const name = this.user();
    const isEmpty = name !== root && this.#dice.perMille(150);
    return authOp.userChangePassword(name, isEmpty ? '' : this.password());
  }

  #grantPermission(): Operation {
    const dice = this.#dice;
    const name = this.role();
    if (dice.perMille(20)) return authOp.roleGrantPermission({ name });
    const permType = dice.pick([0, 0, 1, 1, 2, 2, 2] as const);
    const { key, rangeEnd } = this.#permittedRange();
    this.#granted.push({ role: name, key, rangeEnd });
    return authOp.roleGrantPermission({ name, perm: { permType, key, rangeEnd } });
  }

  #revokePermission(): Operation {
    const dice = this.#dice;
    const wrong = (): Partial<rpcpb.AuthRoleRevokePermissionRequest> => ({
      role: this.role(),
      ...this.#permittedRange(),
    });
    const isKnown = this.#granted.length > 0 && dice.perMille(700);
    return authOp.roleRevokePermission(isKnown ? dice.pick(this.#granted.slice(-60)) : wrong());
  }

  /** A key, a range, a prefix, all from a key on, all there is; and what holds no key. */
  #permittedRange(): { readonly key: Uint8Array; readonly rangeEnd: Uint8Array } {
    const dice = this.#dice;
    const zero = new Uint8Array(1);
    switch (dice.weighted({ key: 8, range: 8, prefix: 4, fromKey: 3, all: 1, empty: 1 })) {
      case 'key':
        return { key: this.#kv.key(), rangeEnd: emptyBytes };
      case 'range':
        return { key: this.#kv.key(), rangeEnd: this.#kv.rangeEnd() };
      case 'prefix':
        return dice.pick(prefixes);
      case 'fromKey':
        return { key: this.#kv.key(), rangeEnd: zero };
      case 'all':
        return { key: zero, rangeEnd: zero };
      case 'empty':
        return { key: emptyBytes, rangeEnd: dice.pick([zero, emptyBytes, fromLatin1('z')]) };
    }
  }
}

const prefixes = [
  { key: fromLatin1('k/'), rangeEnd: fromLatin1('k0') },
  { key: fromLatin1('b'), rangeEnd: fromLatin1('c') },
  { key: fromLatin1('k/1'), rangeEnd: fromLatin1('k/2') },
  { key: fromLatin1('long/'), rangeEnd: fromLatin1('long0') },
];

const badUrls: string[][] = [[], [''], ['127.0.0.1:1'], ['http://127.0.0.1'], ['ftp://127.0.0.1:1']];
