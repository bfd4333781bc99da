/**
 * Asks all peers at once. Those that fail are missing in the answers, and so are those that have not answered when
 * `signal` is aborted, whether they heed it or not.
 */
export async function pollPeers<T>(
  peers: readonly bigint[],
  ask: (peer: bigint, options: { readonly signal: AbortSignal }) => Promise<T>,
  signal: AbortSignal,
): Promise<Map<bigint, T>> {
  const answers = new Map<bigint, T>();
  if (signal.aborted) return answers;
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = (): void => aborted.resolve(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  const answerOf = async (peer: bigint): Promise<readonly [bigint, T] | undefined> => {
    try {
      return [peer, await ask(peer, { signal })];
    } catch {
      // A peer that is down, slow or refuses is no news to a check: it is one that could not be compared.
      return undefined;
    }
  };
  try {
    const found = await Promise.all(peers.map((peer) => Promise.race([answerOf(peer), aborted.promise])));
    for (const answer of found) if (answer !== undefined) answers.set(answer[0], answer[1]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  return answers;
}
