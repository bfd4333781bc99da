import { rpcpb } from '@quorate/wire';
import { nextTurn, pause, type Attack, type BadTokens } from './attack.ts';
import { AttackConnection } from './attack-connection.ts';
import { call, callHead, data, message, paths, rangeOf } from './frames.ts';

/** Sends what `make` gives a thousand times a second over one connection. */
function thousandPerSecond(make: (connection: AttackConnection, index: number) => Buffer): Attack {
  return async (target, { answers, isOver }) => {
    let connection = await AttackConnection.open(target, { answers });
    const beganAt = performance.now();
    for (let i = 0; !isOver(); i++) {
      while (!isOver() && i > performance.now() - beganAt) await pause(2);
      if (connection.isClosed) {
        connection.end();
        connection = await AttackConnection.open(target, { answers });
      }
      await connection.send(make(connection, i));
      if (i % 50 === 0) await nextTurn();
    }
    connection.end();
  };
}

function login(connection: AttackConnection, name: string, password: string): Buffer {
  const request = rpcpb.AuthenticateRequest.encode({ name, password }).finish();
  return call(connection.newStream(), paths.authenticate, request);
}

function withToken(connection: AttackConnection, token: string): Buffer {
  const stream = connection.newStream();
  return Buffer.concat([callHead(stream, paths.range, { token }), data(stream, message(rangeOf('a')))]);
}

/** Shows a token that does not hold, over and over. */
function withBadToken(kind: keyof BadTokens): Attack {
  return (target, run) => {
    const token = target.badTokens?.[kind];
    if (token === undefined) throw new Error(`this attack needs a token "${kind}"`);
    return thousandPerSecond((connection) => withToken(connection, token))(target, run);
  };
}

const letters = (index: number): string =>
  Array.from({ length: 16 }, (_, i) => String.fromCharCode(97 + ((index * 31 + i * 7) % 26))).join('');

/** Attacks on a member that demands logins, by name. */
export const authAttacks: Readonly<Record<string, Attack>> = {
  'wrong logins as one user': thousandPerSecond((connection, i) =>
    login(connection, 'bystander', `guess ${i}`),
  ),
  'wrong logins as a thousand users': thousandPerSecond((connection, i) =>
    login(connection, `user ${i % 1_000}`, `guess ${i}`),
  ),
  'passwords of 60,000 letters': async (target, { answers, isOver }) => {
    while (!isOver()) {
      const connection = await AttackConnection.open(target, { answers });
      await connection.send(login(connection, 'bystander', 'x'.repeat(60_000)));
      await pause(5);
      connection.end();
    }
  },
  'guessed tokens of entries to come': thousandPerSecond((connection, i) =>
    withToken(connection, `${letters(i)}.${9_000_000_000 + i}`),
  ),
  'guessed tokens of the past': thousandPerSecond((connection, i) =>
    withToken(connection, `${letters(i)}.${i % 50}`),
  ),
  'forged signatures': thousandPerSecond((connection, i) =>
    withToken(connection, `eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6InJvb3QifQ.${letters(i)}`),
  ),
  'tokens of a deleted user': withBadToken('ofDeletedUser'),
  'tokens of a changed password': withBadToken('ofChangedPassword'),
  'tokens from before logins were disabled': withBadToken('ofEarlierLogins'),
};

/** Attacks on a member whose tokens are signed, by name. */
export const signedTokenAttacks: Readonly<Record<string, Attack>> = {
  'unsigned tokens': withBadToken('unsigned'),
  'tokens with the public key as a secret': withBadToken('publicKeyAsSecret'),
  'tokens signed with another key': withBadToken('ofAnotherKey'),
  'signed tokens of a deleted user': withBadToken('ofDeletedUser'),
};
