import { createLogUpdate } from 'log-update';
import { textOf, type ByteString } from './byte-string.ts';

/** A picture on the terminal that is drawn again and again. Disposing leaves the last one there, and the terminal in order. */
export interface LiveScreen extends Disposable {
  /** How many characters a line may have. */
  readonly columns: number;
  /** Aborts when whoever looks has seen enough: `q`, Ctrl-C, Ctrl-D, or a signal to end. */
  readonly left: AbortSignal;
  /** Draws the picture in place of the one before. */
  show(picture: ByteString): void;
}

/** Keys that end it: q, Q, Ctrl-C and Ctrl-D. */
const endKeys = /[qQ\x03\x04]/;
const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The terminal of this process, as a screen. */
export function openScreen(): LiveScreen {
  const { stdin, stdout } = process;
  // Some terminals, such as those of containers, do not know their size at first: take the usual one.
  if (stdout.columns === 0) stdout.columns = 80;
  if (stdout.rows === 0) stdout.rows = 24;
  const update = createLogUpdate(stdout);
  const ending = new AbortController();
  const end = () => ending.abort();
  const onKeys = (keys: Buffer) => {
    if (endKeys.test(keys.toString('latin1'))) end();
  };
  for (const signal of endSignals) process.on(signal, end);
  // A terminal that is gone can neither be drawn on, nor is there anybody who looks.
  stdout.on('error', end);
  // What is typed would be echoed into the picture, and a key would wait for the end of its line.
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on('data', onKeys);
  }
  return {
    get columns() {
      return stdout.columns;
    },
    left: ending.signal,
    show: (picture) => update(textOf(picture)),
    [Symbol.dispose]: () => {
      if (stdin.isTTY) {
        stdin.off('data', onKeys);
        stdin.setRawMode(false);
        stdin.pause();
      }
      for (const signal of endSignals) process.off(signal, end);
      stdout.off('error', end);
      // Shows the cursor again.
      update.done();
    },
  };
}
