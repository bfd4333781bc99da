import { createTraceState, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api';

/** Longest list of vendors' entries that is passed on (W3C Trace Context §3.3.1.5 asks for 512 at least). */
const maxStateLength = 512;

/**
 * The context that a caller sends along (W3C Trace Context): that of its span, or the root where it sends none, or one that
 * makes no sense. `valueOf` gives the first value of a metadata key.
 */
export function contextOf(valueOf: (key: string) => string | undefined): Context {
  const parent = valueOf('traceparent');
  if (parent === undefined) return ROOT_CONTEXT;
  const [, version, traceId, spanId, flags = '', rest = ''] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(parent) ?? [];
  if (version === undefined || traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  // `ff` is no version, and the first one has nothing behind its flags; what later ones have there is theirs.
  if (version === 'ff' || (version === '00' && rest !== '')) return ROOT_CONTEXT;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return ROOT_CONTEXT;
  const state = valueOf('tracestate');
  return trace.setSpanContext(ROOT_CONTEXT, {
    ...{ traceId, spanId, isRemote: true },
    traceFlags: Number.parseInt(flags, 16) & 1,
    ...(state !== undefined && state.length <= maxStateLength && { traceState: createTraceState(state) }),
  });
}
