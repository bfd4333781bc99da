import { idToHex, type BackendReader, type BucketChanges } from '@quorate/std';
import { rpcpb } from '@quorate/wire';

/** The alarms that change what a member does. */
export type AlarmType = 'NOSPACE' | 'CORRUPT';

/** One active alarm. */
export interface Alarm {
  readonly memberId: bigint;
  readonly type: AlarmType;
}

const typeNumber = { NOSPACE: rpcpb.AlarmType.NOSPACE, CORRUPT: rpcpb.AlarmType.CORRUPT } as const;

/** Name of an alarm type on the wire; undefined for NONE and for numbers that no type has. */
export function alarmTypeOf(type: number): AlarmType | undefined {
  if (type === rpcpb.AlarmType.NOSPACE) return 'NOSPACE';
  if (type === rpcpb.AlarmType.CORRUPT) return 'CORRUPT';
  return undefined;
}

/** An alarm as the wire has it. */
export function alarmMember(alarm: Alarm): rpcpb.AlarmMember {
  return { memberID: alarm.memberId, alarm: typeNumber[alarm.type] };
}

/**
 * The alarms of the cluster, one for each (member, type), kept in bucket `alarm` under the encoded
 * AlarmMember with an empty value (reference: backend buckets).
 */
export class Alarms {
  readonly #active = new Map<string, Alarm>();

  static async restore(backend: BackendReader): Promise<Alarms> {
    const alarms = new Alarms();
    for await (const rows of backend.scan('alarm')) {
      for (const [key] of rows) {
        const { memberID, alarm } = rpcpb.AlarmMember.decode(key);
        const type = alarmTypeOf(alarm);
        if (type !== undefined) alarms.#active.set(keyOf(memberID, type), { memberId: memberID, type });
      }
    }
    return alarms;
  }

  /** Whether any member has raised it. */
  has(type: AlarmType): boolean {
    for (const alarm of this.#active.values()) if (alarm.type === type) return true;
    return false;
  }

  /** Active alarms, of one type or of all, in a stable order. */
  list(type?: AlarmType): Alarm[] {
    return [...this.#active]
      .filter(([, alarm]) => type === undefined || alarm.type === type)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, alarm]) => alarm);
  }

  /** Raises an alarm; raising it twice is the same as once. */
  activate(memberId: bigint, type: AlarmType, changes: BucketChanges): Alarm {
    const alarm: Alarm = { memberId, type };
    this.#active.set(keyOf(memberId, type), alarm);
    changes.put('alarm', rpcpb.AlarmMember.encode(alarmMember(alarm)).finish(), new Uint8Array(0));
    return alarm;
  }

  /** Takes an alarm back; undefined when it was not raised. */
  deactivate(memberId: bigint, type: AlarmType, changes: BucketChanges): Alarm | undefined {
    const alarm = this.#active.get(keyOf(memberId, type));
    if (alarm === undefined) return undefined;
    this.#active.delete(keyOf(memberId, type));
    changes.delete('alarm', rpcpb.AlarmMember.encode(alarmMember(alarm)).finish());
    return alarm;
  }
}

function keyOf(memberId: bigint, type: AlarmType): string {
  return `${type}/${idToHex(memberId).padStart(16, '0')}`;
}
