/** Something is wrong with how the member was configured; the message is one sentence that names the flag. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'SERVER_CONFIG';
  /**
   * What the process ends with, as etcd: 2 when the command line cannot be read (a flag that does not exist or has no
   * value, a value of another type), 1 when it can and makes no sense, or when something else than a flag is wrong.
   */
  readonly exitCode: 1 | 2;

  constructor(
    message: string,
    { exitCode = 1, ...options }: ErrorOptions & { readonly exitCode?: 1 | 2 } = {},
  ) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
