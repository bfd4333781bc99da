/** Something is wrong with how the member was configured; the message is one sentence that names the flag. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'SERVER_CONFIG';
}
