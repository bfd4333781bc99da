import { Client } from '@quorate/client';
import { SeededRandom, toUtf8 } from '@quorate/std';
import { startQuorate } from './member-process.ts';

/** How a run of kills goes. */
export interface CrashRoundsOptions {
  readonly dataDir: string;
  readonly rounds: number;
  readonly seed: number;
  /** Writers at once; each owns its keys, so the last value of a key is known. */
  readonly writers?: number;
  readonly flags?: readonly string[];
  readonly onRound?: (round: number, acknowledged: number) => void;
}

/** What a run came to. */
export interface CrashRoundsResult {
  readonly acknowledged: number;
  readonly kills: number;
  /** Rounds at whose end the member was stopped in order, so that the next one began from the image of its store. */
  readonly stops: number;
}

/** What one key must hold: its last acknowledged write, or one that was under way when the member was killed. */
interface KeyState {
  acknowledged: string | undefined;
  attempted: string | undefined;
}

/** Keys of each writer: few enough that values are overwritten, many enough to count. */
const keysPerWriter = 25;
/** The member is killed after between so many and so many acknowledged writes of a round. */
const writesBeforeKill = { min: 20, max: 400 };
/** One round in so many ends with a stop in order. */
const roundsPerStop = 5;

/**
 * Kills a member under load, `kill -9`, again and again, or now and then stops it in order, and after each restart compares
 * every key with what was acknowledged. A write under way at the end may be there or not; anything else is an error.
 *
 * @throws Error that names seed, round and key
 */
export async function runCrashRounds(options: CrashRoundsOptions): Promise<CrashRoundsResult> {
  const { rounds, seed, writers = 16 } = options;
  const random = new SeededRandom(seed);
  const keys = new Map<string, KeyState>();
  let acknowledged = 0;
  let stops = 0;
  let lastRevision = 0n;
  for (let round = 0; round < rounds; round++) {
    await using member = await startQuorate({ dataDir: options.dataDir, flags: options.flags ?? [] });
    await using client = new Client({ endpoints: [member.endpoint] });
    lastRevision = await compare(client, keys, { lastRevision, where: `seed ${seed}, round ${round}` });
    const killAfter = writesBeforeKill.min + random.below(writesBeforeKill.max - writesBeforeKill.min);
    const isStop = random.below(roundsPerStop) === 0;
    if (isStop) stops++;
    const end = (): Promise<unknown> => (isStop ? member.stop() : member.kill());
    acknowledged += await writeUntil(end, { client, keys, writers, endAfter: killAfter, round });
    options.onRound?.(round, acknowledged);
  }
  await using member = await startQuorate({ dataDir: options.dataDir, flags: options.flags ?? [] });
  await using client = new Client({ endpoints: [member.endpoint] });
  await compare(client, keys, { lastRevision, where: `seed ${seed}, after the last round` });
  await member.stop();
  return { acknowledged, kills: rounds - stops, stops };
}

/** Writes until so many writes are acknowledged, then calls `end`, under load. */
async function writeUntil(
  end: () => Promise<unknown>,
  options: {
    readonly client: Client;
    readonly keys: Map<string, KeyState>;
    readonly writers: number;
    readonly endAfter: number;
    readonly round: number;
  },
): Promise<number> {
  const { client, keys, writers, endAfter, round } = options;
  let written = 0;
  let isEnding = false;
  // Ends what waits for a connection that will not come back.
  const gone = new AbortController();
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; !isEnding; n++) {
      const key = `writer/${writer}/${n % keysPerWriter}`;
      const value = `round ${round}, write ${n}`;
      const state = keys.get(key) ?? { acknowledged: undefined, attempted: undefined };
      keys.set(key, { ...state, attempted: value });
      try {
        await client.put(key, value, { signal: gone.signal });
      } catch (error) {
        if (isEnding) return;
        throw error;
      }
      keys.set(key, { acknowledged: value, attempted: undefined });
      if (++written === endAfter) {
        isEnding = true;
        await end();
        gone.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  return written;
}

/** Compares every key; what was only attempted and is there counts as written from now on. */
async function compare(
  client: Client,
  keys: Map<string, KeyState>,
  { lastRevision, where }: { readonly lastRevision: bigint; readonly where: string },
): Promise<bigint> {
  const response = await client.kv.range({ key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]) });
  const found = new Map(response.kvs.map((kv) => [toUtf8(kv.key), toUtf8(kv.value)]));
  for (const [key, { acknowledged, attempted }] of keys) {
    const value = found.get(key);
    found.delete(key);
    if (value !== acknowledged && value !== attempted) {
      throw new Error(
        `${where}: ${key} holds "${value}", but "${acknowledged}" was acknowledged (attempted: "${attempted}")`,
      );
    }
    keys.set(key, { acknowledged: value, attempted: undefined });
  }
  if (found.size > 0) throw new Error(`${where}: nobody wrote ${[...found.keys()].join(', ')}`);
  const revision = response.header?.revision ?? 0n;
  if (revision < lastRevision)
    throw new Error(`${where}: the revision went back from ${lastRevision} to ${revision}`);
  return revision;
}
