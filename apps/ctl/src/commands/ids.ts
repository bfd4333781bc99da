import type { ByteString } from '../byte-string.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { parseInt64, parseUint64 } from '../go/parse-int.ts';

/** A lease ID in hex. @throws ExitError */
export function parseLeaseId(text: ByteString): bigint {
  try {
    return parseInt64(text, 16);
  } catch (error) {
    const reason = `bad lease ID arg (${errorText(error)}), expecting ID in Hex`;
    throw new ExitError('badArguments', reason, { cause: error });
  }
}

/** A member ID in hex. @throws ExitError */
export function parseMemberId(text: ByteString): bigint {
  try {
    return parseUint64(text, 16);
  } catch (error) {
    const reason = `bad member ID arg (${errorText(error)}), expecting ID in Hex`;
    throw new ExitError('badArguments', reason, { cause: error });
  }
}

/** An ID in hex of 16 digits, as leases are printed. */
export function leaseHex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16).padStart(16, '0');
}

/** An ID in hex of 16 columns, filled with spaces, as messages about members have it. */
export function paddedHex(id: bigint): string {
  return id.toString(16).padStart(16, ' ');
}
