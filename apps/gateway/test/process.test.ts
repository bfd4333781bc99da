import { startQuorate, freePort } from '@quorate/client/testing';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const command = fileURLToPath(new URL('../bin/quorate-gateway.js', import.meta.url));

/** Runs the command; `said` resolves when it has said this, or rejects when it ends before. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [command, ...args], { env: { ...process.env, ...env } });
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  child.stderr.on('data', (data) => (output += String(data)));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output }));
  const said = async (text: string): Promise<void> => {
    while (!output.includes(text)) {
      const next = await Promise.race([once(child.stderr, 'data'), ended]);
      if (!Array.isArray(next)) throw new Error(`it has ended: ${output}`);
    }
  };
  const lines = () =>
    output.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]));
  return { child, ended, said, lines };
}

test('the command serves until SIGTERM, and lets a call under way end', async () => {
  await using member = await startQuorate();
  const url = `http://127.0.0.1:${await freePort()}`;
  const gateway = run(['--endpoints', member.endpoint], { QUORATE_GATEWAY_LISTEN_URLS: url });
  await gateway.said('ready to serve');
  const body = '{"create_request":{"key":"Zm9v"}}';
  const watch = await fetch(`${url}/v3/watch`, { method: 'POST', body });
  const reader = watch.body!.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader.read()).value).toContain('"created":true');
  // As a member's: levels by name, and times that people can read.
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string;
  expect(gateway.lines()).toContainEqual(
    expect.objectContaining({ level: 'info', time, msg: 'ready to serve' }),
  );
  gateway.child.kill('SIGTERM');
  await gateway.said('stopping');
  await reader.cancel();
  expect(await gateway.ended).toMatchObject({ code: 0 });
}, 60_000);

test('what it can’t be told is refused with a sentence and exit code 1', async () => {
  const { code, output } = await run(['--listen-urls=nowhere']).ended;
  expect(code).toBe(1);
  expect(output).toBe(
    'quorate-gateway: --listen-urls: has to be URLs that begin with http:// or https://, separated by commas\n',
  );
  const misspelt = await run(['--endpoints=http//x']).ended;
  expect(misspelt.code).toBe(1);
  expect(misspelt.output).toContain(
    'quorate-gateway: --endpoints: the endpoint "http//x" is none: give host:port',
  );
  expect(await run(['--nonsense']).ended).toMatchObject({ code: 1 });
}, 60_000);

test('--help names every flag', async () => {
  const { code, output } = await run(['--help']).ended;
  expect(code).toBe(0);
  expect(output).toContain('--drain-timeout-ms');
}, 60_000);
