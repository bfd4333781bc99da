/**
 * Bytes that are put together when somebody has room for them, front to back and once: for messages so large that an array
 * of their own would cost more than what is in them.
 */
export interface ByteSource {
  /** How many bytes there are in all, those included that were read. */
  readonly length: number;
  /** Writes the next `end - start` bytes to `target[start, end)`. The caller asks for no more than are left. */
  read(target: Uint8Array, start: number, end: number): void;
  /** Copies what is left: from now on it keeps nobody else's memory from being freed. */
  detach(): void;
}

/** The bytes of either kind as an array; a source is read to its end by that. */
export function wholeBytes(bytes: Uint8Array | ByteSource): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  const whole = Buffer.allocUnsafeSlow(bytes.length);
  bytes.read(whole, 0, whole.length);
  return whole;
}
