import { fromUtf8 } from '@quorate/std';
import type { ConfState } from '@quorate/wire';
import { goJson, parseLosslessJson } from './lossless-json.ts';
import { flagOf, idOf, listOf, recordOf } from './member.ts';

/** The row `confState` of bucket `meta`: etcd's JSON, where lists that are empty are left out. */
export function encodeConfState(state: ConfState): Uint8Array {
  return fromUtf8(
    goJson({
      voters: unlessEmpty(state.voters),
      learners: unlessEmpty(state.learners),
      voters_outgoing: unlessEmpty(state.votersOutgoing),
      learners_next: unlessEmpty(state.learnersNext),
      auto_leave: state.autoLeave,
    }),
  );
}

/** Reads what `encodeConfState` wrote, here or in etcd. @throws MemberJsonError */
export function decodeConfState(json: Uint8Array): ConfState {
  const fields = recordOf(parseLosslessJson(json));
  return {
    voters: listOf(fields['voters'], idOf),
    learners: listOf(fields['learners'], idOf),
    votersOutgoing: listOf(fields['voters_outgoing'], idOf),
    learnersNext: listOf(fields['learners_next'], idOf),
    autoLeave: flagOf(fields['auto_leave']),
  };
}

function unlessEmpty(ids: readonly bigint[]): readonly bigint[] | undefined {
  return ids.length === 0 ? undefined : ids;
}
