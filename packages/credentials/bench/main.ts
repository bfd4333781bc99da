import { generateKeyPairSync } from 'node:crypto';
import { BcryptPasswords, JwtTokens, LoginGuard } from '../src/index.ts';

/**
 * What credentials cost: `node bench/main.ts`. Passwords by cost, with the delay of a timer of 1 ms beside them; tokens
 * by method, and the lookup of one that is known; the decision of the guard.
 */

/** Nanoseconds of one of `count` calls. */
function nsEach(count: number, call: (n: number) => unknown): number {
  const start = process.hrtime.bigint();
  for (let n = 0; n < count; n++) call(n);
  return Number(process.hrtime.bigint() - start) / count;
}

async function msEach(count: number, call: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (let n = 0; n < count; n++) await call();
  return (performance.now() - start) / count;
}

async function passwords(): Promise<void> {
  for (const cost of [4, 8, 10, 12]) {
    await using bcrypt = new BcryptPasswords({ cost });
    const hash = await bcrypt.hash('password');
    const right = await msEach(20, () => bcrypt.matches('password', hash));
    const nobody = await msEach(20, () => bcrypt.matches('password', undefined));
    console.log(`cost ${cost}: match ${right.toFixed(2)} ms, nobody ${nobody.toFixed(2)} ms`);
  }
}

/** How late a timer fires while logins come in all the time. */
async function heartbeats(): Promise<void> {
  await using bcrypt = new BcryptPasswords();
  await reportLateness('quiet');
  let running = true;
  const storm = (async () => {
    while (running)
      await Promise.allSettled(Array.from({ length: 64 }, () => bcrypt.matches('x', undefined)));
  })();
  await reportLateness('in a storm');
  running = false;
  await bcrypt[Symbol.asyncDispose]();
  await storm;
}

async function reportLateness(when: string): Promise<void> {
  const lateMs: number[] = [];
  for (let n = 0; n < 1000; n++) {
    const start = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1));
    lateMs.push(performance.now() - start - 1);
  }
  lateMs.sort((a, b) => a - b);
  console.log(`timer late by p50 ${lateMs[500]?.toFixed(2)} ms, p99 ${lateMs[990]?.toFixed(2)} ms ${when}`);
}

async function tokens(): Promise<void> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed25519 = generateKeyPairSync('ed25519');
  for (const [signMethod, { privateKey }] of [
    ['RS256', rsa],
    ['ES256', ec],
    ['EdDSA', ed25519],
  ] as const) {
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const options = { signMethod, privateKeyFile: 'key', ttlMs: 600_000, unknown: [] };
    const open = (): Promise<JwtTokens> => JwtTokens.open(options, async () => Buffer.from(pem));
    const signer = await open();
    const sign = await msEach(500, () => signer.sign({ user: 'alice', revision: 7 }));
    const verifier = await open();
    let revision = 0;
    const all = await Promise.all(
      Array.from({ length: 500 }, () => signer.sign({ user: 'alice', revision: revision++ })),
    );
    const verify = await msEach(all.length, () => verifier.verify(all.pop() ?? ''));
    // A new string each time, as from a socket: its hash is computed anew.
    const bytes = Buffer.from(await signer.sign({ user: 'alice', revision: 7 }));
    const peek = nsEach(500_000, () => signer.peek(bytes.toString('latin1')));
    const slice = nsEach(500_000, () => bytes.toString('latin1'));
    console.log(
      `${signMethod}: sign ${(sign * 1000).toFixed(0)} µs, verify ${(verify * 1000).toFixed(0)} µs, ` +
        `peek ${(peek - slice).toFixed(0)} ns (${bytes.length} bytes)`,
    );
  }
}

function guard(): void {
  const one = new LoginGuard();
  const ns = nsEach(200_000, (n) => {
    const admission = one.begin({ user: `user${n % 5000}`, source: `10.0.${n % 250}.1` }, n);
    if (admission.kind === 'admitted') admission.end('failed', n);
  });
  console.log(`guard: ${ns.toFixed(0)} ns a login`);
}

await passwords();
await heartbeats();
await tokens();
guard();
