/** The client sends requests faster than it reads their answers, and the transport did not stop reading them. */
export class WatchRequestsFullError extends Error {
  override readonly name = 'WatchRequestsFullError';
  readonly code = 'WATCH_REQUESTS_FULL';
  constructor(max: number) {
    super(`${max} answers to watch requests wait to be read`);
  }
}
