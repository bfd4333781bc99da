import { authAttacks, signedTokenAttacks } from './auth-attacks.ts';
import type { Answers } from './attack-connection.ts';
import { http2Attacks } from './http2-attacks.ts';
import { Siege, type SiegeEffort, type SiegeResult } from './siege.ts';
import { tlsAttacks } from './tls-attacks.ts';
import { isHarmless, judged, median } from './verdict.ts';

/** What one attack came to; without a result the member was not as before, and `error` says how. */
export interface AbuseFigures {
  readonly attack: string;
  readonly result?: SiegeResult;
  /** Medians, over the phases, of the 99th percentile of the bystander's latency in milliseconds. */
  readonly idleMs?: number;
  readonly quietMs?: number;
  readonly attackedMs?: number;
  readonly error?: string;
  readonly isHarmless: boolean;
  /** In words. */
  readonly stoppedBy: string;
}

/** Flags of a member whose limits of memory and time are small enough to be reached while an attack runs. */
export const siegeFlags: readonly string[] = [
  '--max-unfinished-bytes=33554432',
  '--max-untaken-bytes=67108864',
  '--request-body-timeout=1s',
];

/** Runs all attacks whose names hold `only`, one after the other. */
export async function* abuseFigures(options: {
  readonly effort: SiegeEffort;
  readonly only: string;
}): AsyncGenerator<AbuseFigures, void, undefined> {
  for (const [attacks, kind] of [
    [http2Attacks, {}],
    [authAttacks, { withLogins: true }],
    [signedTokenAttacks, { withLogins: true, withSignedTokens: true }],
    [tlsAttacks, { withTls: true }],
  ] as const) {
    const names = Object.keys(attacks).filter((name) => name.includes(options.only));
    if (names.length === 0) continue;
    await using siege = await Siege.start({ ...kind, flags: siegeFlags });
    for (const attack of names) yield await figuresOf(siege, attack, options.effort);
  }
}

async function figuresOf(siege: Siege, attack: string, effort: SiegeEffort): Promise<AbuseFigures> {
  try {
    const { result, runs } = await judged(siege, attack, effort);
    const again = runs === 1 ? '' : ` (${runs} runs)`;
    return {
      ...{
        attack,
        result,
        idleMs: median(result.idleMs),
        quietMs: median(result.quietMs),
        attackedMs: median(result.attackedMs),
      },
      isHarmless: isHarmless(result),
      stoppedBy: `${inWords(result)}${again}`,
    };
  } catch (error) {
    return { attack, error: String(error), isHarmless: false, stoppedBy: '' };
  }
}

function inWords({ answers, stoppedBy }: SiegeResult): string {
  const { delayed = 0, ...ends } = stoppedBy;
  const parts = [
    ...Object.entries(ends).map(([reason, count]) => `ended \`${reason}\` ${count}`),
    ...(delayed > 0 ? [`${delayed} connections delayed`] : []),
    ...closedBy(answers),
    ...(answers.resets > 0 ? [`${answers.resets} streams reset`] : []),
    ...(answers.answers > 0 ? [`${answers.answers} calls answered`] : []),
  ];
  return parts.length === 0 ? 'nothing: it is harmless' : parts.join(', ');
}

function closedBy({ connections, closed }: Answers): string[] {
  return closed === 0 ? [] : [`${closed} of ${connections} connections closed`];
}
