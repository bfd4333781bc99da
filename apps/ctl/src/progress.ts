import { SingleBar } from 'cli-progress';
import { humanSize } from './print/size.ts';
import type { Terminal } from './terminal.ts';

/** What work is counted in: `bytes` are shown as sizes, all else as a number with the word behind it. */
export interface ProgressOptions {
  /** What is being done, in a word or two. */
  readonly label: string;
  /** How much there is to do; left out when nobody knows. */
  readonly total?: number | undefined;
  /** `bytes`, `keys`, `s`, … */
  readonly unit: string;
}

/** How far some long work is. Disposing of it is `done`. */
export interface Progress extends Disposable {
  /** So much more has been done. */
  advance(count: number): void;
  /** So much has been done altogether. */
  set(count: number): void;
  /** Takes the bar away. Whoever starts one must see to it that this is called, after errors too; twice is harmless. */
  done(): void;
}

const barWidth = 30;

/**
 * Shows on stderr how far some work is, for as long as it goes on: only where somebody looks, that is, when stderr is a
 * terminal that can move its cursor (not `TERM=dumb`). Anywhere else nothing is written at all. The bar leaves no line
 * behind, and changes nothing about the terminal that would have to be changed back when the program is killed.
 */
export function startProgress(terminal: Terminal, options: ProgressOptions): Progress {
  const { errorTerminal, env } = terminal;
  if (errorTerminal === undefined || env['TERM'] === 'dumb') return invisible;
  const { label, total, unit } = options;
  const isOpen = total === undefined;
  const bar = new SingleBar({
    stream: errorTerminal,
    format: isOpen ? `${label} {value}` : `${label} [{bar}] {percentage}% | {value} of {total}`,
    formatValue: (count, _options, type) => {
      if (type === 'percentage') return `${count}`;
      if (unit === 'bytes') return humanSize(BigInt(Math.trunc(count)));
      return type === 'total' || isOpen ? `${count} ${unit}` : `${count}`;
    },
    barsize: barWidth,
    clearOnComplete: true,
    // With wrapping switched off, a terminal would stay so when the program is killed; long lines are cut off instead.
    linewrap: true,
  });
  bar.start(total ?? 0, 0);
  return visible(bar);
}

function visible(bar: SingleBar): Progress {
  let done = 0;
  const set = (count: number) => {
    done = count;
    bar.update(done);
  };
  const stop = () => bar.stop();
  return { set, advance: (count) => set(done + count), done: stop, [Symbol.dispose]: stop };
}

const invisible: Progress = { advance() {}, set() {}, done() {}, [Symbol.dispose]() {} };
