import { styleText } from 'node:util';
import type { ByteString } from './byte-string.ts';
import type { Terminal } from './terminal.ts';

/** How a text looks: names that `styleText` of node:util knows. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Gives a text a style, or leaves it as it is where colours are not wanted. */
export type Paint = (style: Style, text: ByteString) => ByteString;

/** Where a text goes. */
export type Stream = 'stdout' | 'stderr';

/**
 * The colours of output that only this program has. They are there on a terminal that is not dumb, and never with
 * `NO_COLOR`; `FORCE_COLOR` asks for them elsewhere, and with `0` or `false` for none.
 */
export function paintOf(terminal: Terminal, stream: Stream): Paint {
  const { NO_COLOR: none = '', FORCE_COLOR: forced, TERM: kind } = terminal.env;
  if (none !== '' || forced === '0' || forced === 'false') return plain;
  return forced !== undefined || (isSeen(terminal, stream) && kind !== 'dumb') ? painted : plain;
}

/**
 * The colours of output that etcdctl has, too. Programs read it, so off a terminal it stays as etcdctl's byte for
 * byte, whatever `FORCE_COLOR` says: build servers set that for all they run.
 */
export function paintOfShared(terminal: Terminal, stream: Stream): Paint {
  return isSeen(terminal, stream) ? paintOf(terminal, stream) : plain;
}

/** Whether what is written there is shown on a terminal. */
export function isSeen(terminal: Terminal, stream: Stream): boolean {
  return (stream === 'stdout' ? terminal.outputTerminal : terminal.errorTerminal) !== undefined;
}

const plain: Paint = (_, text) => text;
// Whether the stream takes colours was decided above, for tests by what they say of it.
const painted: Paint = (style, text) => styleText(style, text, { validateStream: false });
