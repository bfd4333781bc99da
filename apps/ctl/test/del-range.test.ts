import { Client } from '@quorate/client';
import { startQuorate, type StartedServer } from '@quorate/client/testing';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { run } from '../src/app.ts';
import { LineReader, type Terminal } from '../src/terminal.ts';

// A server is started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: StartedServer;
let client: Client;

beforeAll(async () => {
  server = await startQuorate();
  client = new Client({ endpoints: [server.endpoint] });
});
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
});
afterEach(() => {
  vi.useRealTimers();
});

const warning =
  'Warning: Keys between "d\\"a" and "d\\xff" will be deleted. Please interrupt the command within next 2 seconds to cancel. ' +
  'You can provide `--range` flag to avoid the delay.\n';

/** Runs `del`; `told` resolves with the first words on stderr. */
function del(...args: string[]) {
  const told = Promise.withResolvers<string>();
  let stdout = '';
  let stderr = '';
  const terminal: Terminal = {
    argv: ['del', ...args, `--endpoints=${server.endpoint}`],
    env: {},
    stdin: new LineReader(
      (async function* (): AsyncGenerator<Uint8Array, void> {
        // Nobody types anything.
      })(),
    ),
    askSecret: () => Promise.resolve(''),
    out: (text) => void (stdout += text),
    err: (text) => {
      stderr += text;
      told.resolve(text);
    },
    exec: () => Promise.reject(new Error('nothing is to be run')),
  };
  const outcome = run(terminal).then((code) => ({ code, stdout, stderr }));
  return { outcome, told: told.promise };
}

test('a range is deleted two seconds after a warning, so that one can think better of it', async () => {
  await client.put('d"b', '1');
  // Time stands for the command, and for the client that looks.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { outcome, told } = del('d"a', 'd\xff');
  expect(await told).toBe(warning);
  vi.advanceTimersByTime(1_999);
  expect(await client.get('d"b')).toBeDefined();
  vi.advanceTimersByTime(1);
  expect(await outcome).toEqual({ code: 0, stdout: '1\n', stderr: warning });
});

test.each([[['d"a', 'd\xff', '--range']], [['d', '--prefix']], [['d"b']]])(
  'nothing is said, and nobody waits, for del %j',
  async (args) => {
    await client.put('d"b', '1');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    expect(await del(...args).outcome).toEqual({ code: 0, stdout: '1\n', stderr: '' });
  },
);
