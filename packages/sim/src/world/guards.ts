import { AsyncLocalStorage } from 'node:async_hooks';
import childProcess from 'node:child_process';
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import tls from 'node:tls';

/** Simulated code reached for the real world: its time, its chance, its disks or its sockets. */
export class EscapeError extends Error {
  override readonly name = 'EscapeError';
  readonly code = 'SIM_ESCAPE';

  constructor(call: string) {
    super(
      `${call} was called inside a simulation: use the clock, the chance, the disk or the network you were given`,
    );
  }
}

/** Whoever runs inside a simulation hears here that something has escaped. */
interface Inside {
  readonly onEscape: (error: EscapeError) => void;
}

const inside = new AsyncLocalStorage<Inside>();
let guardedRuns = 0;
let undo: (() => void)[] = [];

/**
 * Runs `work` so that it, and all that it sets going, cannot reach the real clock, chance, disks or sockets:
 * such a call throws and is told to `onEscape`, so that swallowing the error hides nothing. Other code of the
 * process, of a test runner say, is not touched.
 */
export async function runGuarded<T>(
  onEscape: (error: EscapeError) => void,
  work: () => Promise<T>,
): Promise<T> {
  if (guardedRuns++ === 0) install();
  try {
    return await inside.run({ onEscape }, work);
  } finally {
    if (--guardedRuns === 0) remove();
  }
}

/** Runs `work` as if outside: for a simulation's own needs, such as printing. */
export function unguarded<T>(work: () => T): T {
  return inside.exit(work);
}

function check(call: string): void {
  const run = inside.getStore();
  if (run === undefined) return;
  const error = new EscapeError(call);
  run.onEscape(error);
  throw error;
}

type AnyFunction = (...args: unknown[]) => unknown;

const fileSystemCalls = [
  ...[
    'access',
    'appendFile',
    'copyFile',
    'cp',
    'fdatasync',
    'fsync',
    'ftruncate',
    'lstat',
    'mkdir',
    'mkdtemp',
  ],
  ...[
    'open',
    'opendir',
    'read',
    'readFile',
    'readdir',
    'readlink',
    'readv',
    'realpath',
    'rename',
    'rm',
    'rmdir',
  ],
  ...[
    'stat',
    'statfs',
    'symlink',
    'truncate',
    'unlink',
    'utimes',
    'watch',
    'watchFile',
    'write',
    'writeFile',
  ],
  ...['writev', 'createReadStream', 'createWriteStream'],
];

function install(): void {
  guardDate();
  guard('Math', Math, ['random']);
  guard('performance', performance, ['now']);
  guard('process', process, ['hrtime', 'uptime']);
  guard('', globalThis, ['setTimeout', 'setInterval', 'setImmediate', 'fetch']);
  guard('timers', timers, ['setTimeout', 'setInterval', 'setImmediate']);
  guard('timers/promises', timersPromises, ['setTimeout', 'setInterval', 'setImmediate']);
  guard('crypto', crypto, ['randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID']);
  guard('crypto', crypto.webcrypto, ['getRandomValues', 'randomUUID']);
  guard('fs', fs, [...fileSystemCalls, ...fileSystemCalls.map((name) => `${name}Sync`)]);
  guard('fs/promises', fsPromises, fileSystemCalls);
  guard('net', net, ['connect', 'createConnection', 'createServer']);
  guard('net.Socket', net.Socket.prototype, ['connect']);
  guard('net.Server', net.Server.prototype, ['listen']);
  guard('tls', tls, ['connect', 'createServer']);
  guard('http', http, ['request', 'get', 'createServer']);
  guard('https', https, ['request', 'get', 'createServer']);
  guard('http2', http2, ['connect', 'createServer', 'createSecureServer']);
  guard('dgram', dgram, ['createSocket']);
  guard('child_process', childProcess, [
    'exec',
    'execFile',
    'execFileSync',
    'execSync',
    'fork',
    'spawn',
    'spawnSync',
  ]);
  syncBuiltinESMExports();
}

function remove(): void {
  for (const restore of undo.reverse()) restore();
  undo = [];
  syncBuiltinESMExports();
}

/** Puts a check before functions of an object; names that this version of Node does not have are passed over. */
function guard(label: string, target: object, names: readonly string[]): void {
  for (const name of names) {
    const own = Object.getOwnPropertyDescriptor(target, name);
    const found: unknown = own === undefined ? Reflect.get(target, name) : own.value;
    if (typeof found !== 'function') continue;
    // A function, as the line above found; what it takes and gives is its own business.
    const call = found as AnyFunction;
    const text = label === '' ? name : `${label}.${name}`;
    const guarded = function (this: unknown, ...args: unknown[]): unknown {
      check(text);
      return Reflect.apply(call, this, args);
    };
    // Keeps what hangs on it, such as `setTimeout[util.promisify.custom]` or `hrtime.bigint`.
    Object.defineProperties(guarded, Object.getOwnPropertyDescriptors(call));
    Object.defineProperty(target, name, { configurable: true, writable: true, ...own, value: guarded });
    undo.push(() => {
      if (own === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, own);
    });
  }
}

/** `new Date()` and `Date.now()` tell the time; `new Date(ms)` only writes it down and is free. */
function guardDate(): void {
  const RealDate = globalThis.Date;
  globalThis.Date = new Proxy(RealDate, {
    construct(target, args: unknown[], newTarget) {
      if (args.length === 0) check('new Date');
      // What the constructor takes is handed through as it is.
      return Reflect.construct(target, args, newTarget) as object;
    },
    apply(target, self, args: unknown[]) {
      check('Date');
      return Reflect.apply(target, self, args) as string;
    },
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      return name === 'now' ? guardedNow : value;
    },
  });
  const realNow = (): number => RealDate.now();
  const guardedNow = (): number => {
    check('Date.now');
    return realNow();
  };
  undo.push(() => {
    globalThis.Date = RealDate;
  });
}
