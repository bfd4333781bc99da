import type { Socket } from 'node:net';

/** What a connection speaks, by its first bytes. */
export type Spoken = 'tls' | 'http2' | 'http1';

/** The first bytes of every HTTP/2 connection (RFC 9113 §3.4); no HTTP/1 request begins so. */
const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** Behind it, at once, comes the head of the frame of settings. */
const http2OpeningLength = http2Preface.length + 9;
/** The type of the record that begins a handshake (RFC 8446 §5.1). */
const tlsHandshake = 0x16;

/** Tells what a connection speaks, once it has said enough; what it said is there to be read again. */
export function onFirstBytes(socket: Socket, tell: (spoken: Spoken) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const look = (): void => {
    // Nobody has set an encoding, so it reads bytes.
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const spoken = spokenIn(seen);
    if (spoken === undefined) return;
    socket.off('readable', look);
    socket.off('end', giveUp);
    socket.unshift(seen);
    tell(spoken);
  };
  // Nothing more comes, and it has not said what it wants.
  const giveUp = (): void => void socket.destroy();
  socket.on('readable', look);
  socket.on('end', giveUp);
}

function spokenIn(bytes: Buffer): Spoken | undefined {
  if (bytes[0] === tlsHandshake) return 'tls';
  const length = Math.min(bytes.length, http2Preface.length);
  if (bytes.compare(http2Preface, 0, length, 0, length) !== 0) return 'http1';
  return bytes.length < http2OpeningLength ? undefined : 'http2';
}
