/** What `run` returns, or what it throws as a rejection: `Promise.try` without a promise around the one that there is. */
export function promised(run: () => Promise<void>): Promise<void> {
  try {
    return run();
  } catch (error) {
    const reason = error as Error; // By convention it is one.
    return Promise.reject(reason);
  }
}
