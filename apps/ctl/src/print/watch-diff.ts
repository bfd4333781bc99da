import type { WatchEvent } from '@quorate/client';
import { toLatin1 } from '@quorate/std';
import { bytesOfText, textOf, type ByteString } from '../byte-string.ts';
import type { Paint } from '../colour.ts';
import { eventType } from './watch.ts';

/** How a change is shown. */
export interface DiffOptions {
  readonly paint: Paint;
  /** `--hex`: values as digits. */
  readonly hex: boolean;
  /** When the event was heard of, in local time. */
  readonly heardAt: Date;
}

/** Values up to this length are shown as they are; of longer ones, what has changed. */
const shortLength = 32;
/** How much of what two values have in common is shown around a change. */
const contextLength = 16;
/** More of one value than this is not shown on a line. */
const lengthMax = 400;

/**
 * A change on one line: time, what happened, the key, and how the value has changed. Unlike etcdctl's output it is for
 * eyes: characters that would move the cursor, or are no text, are shown by their codes.
 */
export function diffLine(event: WatchEvent, { paint, hex, heardAt }: DiffOptions): ByteString {
  const value = (bytes: Uint8Array) => (hex ? hexText(bytes) : visibleText(bytes));
  const { kv, prevKv } = event;
  const type = paint(event.type === 'put' ? 'green' : 'red', eventType(event).padEnd(6));
  const change = changeText(event, prevKv && value(prevKv.value), value(kv.value), paint);
  const time = paint('dim', timeOfDay(heardAt));
  const key = paint('bold', bytesOfText(value(kv.key)));
  return `${time} ${type} ${key}  ${change} ${paint('dim', `(revision ${kv.modRevision})`)}\n`;
}

function changeText(event: WatchEvent, before: string | undefined, now: string, paint: Paint): ByteString {
  const removed = (text: string) => paint('red', bytesOfText(text));
  const added = (text: string) => paint('green', bytesOfText(text));
  // What compaction has removed cannot be shown.
  const unknown = paint('dim', '(unknown)');
  if (event.type === 'delete') return `was ${before === undefined ? unknown : removed(shortened(before))}`;
  if (event.kv.version === 1n) return `new ${added(shortened(now))}`;
  if (before === undefined) return `${unknown} -> ${added(shortened(now))}`;
  if (before === now) return `same ${bytesOfText(shortened(now))}`;
  if (before.length <= shortLength && now.length <= shortLength) return `${removed(before)} -> ${added(now)}`;
  const { head, tail, old, young } = parted(before, now);
  const [left, right] = [headEnd(head), tailBegin(tail)].map(bytesOfText);
  return `${left}[-${removed(shortened(old))}-]{+${added(shortened(young))}+}${right}`;
}

/** What two texts begin and end with alike, and what is between. */
function parted(before: string, now: string) {
  const [a, b] = [[...before], [...now]];
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < shorter - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  return {
    head: a.slice(0, head).join(''),
    tail: a.slice(a.length - tail).join(''),
    old: a.slice(head, a.length - tail).join(''),
    young: b.slice(head, b.length - tail).join(''),
  };
}

function headEnd(text: string): string {
  return text.length <= contextLength ? text : `…${[...text].slice(-contextLength).join('')}`;
}

function tailBegin(text: string): string {
  return text.length <= contextLength ? text : `${[...text].slice(0, contextLength).join('')}…`;
}

function shortened(text: string): string {
  if (text.length <= lengthMax) return text;
  const characters = [...text];
  return `${characters.slice(0, lengthMax).join('')}… (${characters.length} characters)`;
}

/** Text without what moves a cursor; bytes that are no UTF-8 as digits. */
function visibleText(bytes: Uint8Array): string {
  const text = textOf(toLatin1(bytes));
  if (text.includes('\ufffd')) return hexText(bytes);
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const known: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
    return known[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

function hexText(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`;
}

function timeOfDay(time: Date): string {
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()];
  const clock = parts.map((part) => `${part}`.padStart(2, '0')).join(':');
  return `${clock}.${`${time.getMilliseconds()}`.padStart(3, '0')}`;
}
