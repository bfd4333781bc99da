import { ConnectionError, errorCode } from './errors.ts';
import { readUint32, writeUint32 } from './frames.ts';

/** Settings by their numbers (RFC 9113 §6.5.2). */
export const setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

/** Largest window, and increment of one (§6.9.1). */
export const windowMax = 0x7fff_ffff;
/** Window of each stream and of the connection before anybody says otherwise (§6.9.2). */
export const defaultWindow = 65_535;
/** Frames that everybody has to take (§4.2), and the largest that there are. */
export const minMaxFrameSize = 16_384;
const maxMaxFrameSize = 16_777_215;
/** A number and a value. */
const entryBytes = 6;

/** Settings as they come and go: of a frame, in order. */
export type SettingEntry = readonly [id: number, value: number];

/** @throws ConnectionError for a payload of a wrong size, or a value that must not be */
export function readSettings(payload: Uint8Array): SettingEntry[] {
  if (payload.length % entryBytes !== 0) {
    throw new ConnectionError(errorCode.FRAME_SIZE_ERROR, 'a SETTINGS frame has a part of a setting');
  }
  const entries: SettingEntry[] = [];
  for (let at = 0; at < payload.length; at += entryBytes) {
    const entry = [((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0), readUint32(payload, at + 2)] as const;
    checkSetting(entry);
    entries.push(entry);
  }
  return entries;
}

function checkSetting([id, value]: SettingEntry): void {
  if (id === setting.ENABLE_PUSH && value > 1) {
    throw new ConnectionError(errorCode.PROTOCOL_ERROR, 'SETTINGS_ENABLE_PUSH is neither 0 nor 1');
  }
  if (id === setting.INITIAL_WINDOW_SIZE && value > windowMax) {
    throw new ConnectionError(errorCode.FLOW_CONTROL_ERROR, 'SETTINGS_INITIAL_WINDOW_SIZE is too large');
  }
  if (id === setting.MAX_FRAME_SIZE && (value < minMaxFrameSize || value > maxMaxFrameSize)) {
    throw new ConnectionError(errorCode.PROTOCOL_ERROR, 'SETTINGS_MAX_FRAME_SIZE is out of range');
  }
}

export function writeSettings(entries: readonly SettingEntry[]): Uint8Array {
  const payload = new Uint8Array(entries.length * entryBytes);
  let at = 0;
  for (const [id, value] of entries) {
    payload[at] = id >> 8;
    payload[at + 1] = id;
    at = writeUint32(payload, at + 2, value);
  }
  return payload;
}
