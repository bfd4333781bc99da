/** What `run` returns, or what it throws as a rejection: `Promise.try` without a promise around the one that there is. */
export function promised(run: () => Promise<void>): Promise<void> {
  try {
    return run();
  } catch (error) {
    return Promise.reject(error);
  }
}
