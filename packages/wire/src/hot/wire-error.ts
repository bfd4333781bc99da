/** Bytes that are no message: cut short, overlong, of a wrong wire type, or nested too deep. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code = 'WIRE_MALFORMED';
  /** Where it went wrong, counted from the start of the bytes given to the decoder. */
  readonly offset: number;

  constructor(offset: number, problem: string) {
    super(`malformed message at byte ${offset}: ${problem}`);
    this.offset = offset;
  }
}
