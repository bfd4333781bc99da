import { z } from 'zod';
import { refuse, type FieldMeta } from './field.ts';

/** A feature of etcd that can be switched (reference: feature gates). */
export interface FeatureGate {
  readonly name: string;
  readonly stage: 'ALPHA' | 'BETA';
  readonly isOnByDefault: boolean;
  /** Whether it does what it says, or the same in both positions. */
  readonly state: 'works' | 'ignored';
}

/** Gates that stand for all of a stage. */
const groups = { AllAlpha: 'ALPHA', AllBeta: 'BETA' } as const;

/** Every gate of etcd 3.6 and later, the groups aside. */
export const featureGates: readonly FeatureGate[] = [
  { name: 'CompactHashCheck', stage: 'ALPHA', isOnByDefault: false, state: 'works' },
  { name: 'FastLeaseKeepAlive', stage: 'BETA', isOnByDefault: true, state: 'ignored' },
  { name: 'InitialCorruptCheck', stage: 'ALPHA', isOnByDefault: false, state: 'works' },
  { name: 'LeaseCheckpoint', stage: 'ALPHA', isOnByDefault: false, state: 'works' },
  { name: 'LeaseCheckpointPersist', stage: 'ALPHA', isOnByDefault: false, state: 'works' },
  { name: 'PriorityRequest', stage: 'ALPHA', isOnByDefault: false, state: 'works' },
  { name: 'SetMemberLocalAddr', stage: 'ALPHA', isOnByDefault: false, state: 'works' },
  { name: 'StopGRPCServiceOnDefrag', stage: 'ALPHA', isOnByDefault: false, state: 'ignored' },
  { name: 'TxnModeWriteWithSharedBuffer', stage: 'BETA', isOnByDefault: true, state: 'ignored' },
];

/** What every gate, groups included, is set to. */
export type GateSettings = ReadonlyMap<string, boolean>;

/** `Name=true,Other=false`; a gate that is not named has its default, or its group's setting. */
export function gates(meta: Omit<FieldMeta, 'kind' | 'defaultText' | 'choices'>) {
  return z
    .string({ error: 'must be a text such as Name=true,Other=false' })
    .transform((value, context): GateSettings => {
      const given = new Map<string, boolean>();
      for (const item of value.split(',').map((part) => part.trim())) {
        if (item === '') continue;
        const problem = readItem(item, given);
        if (problem !== undefined) return refuse(context, problem);
      }
      return settingsOf(given);
    })
    .prefault('')
    .meta({ ...meta, kind: 'text', defaultText: '' });
}

/** Whether a text as `--feature-gates` takes it names this gate, its group aside. */
export function namesGate(text: string, gate: string): boolean {
  return text.split(',').some((item) => item.trim().startsWith(`${gate}=`));
}

function readItem(item: string, given: Map<string, boolean>): string | undefined {
  const [, name = '', value = ''] = /^([^=]*)(?:=(.*))?$/s.exec(item) ?? [];
  if (!Object.hasOwn(groups, name) && !featureGates.some((gate) => gate.name === name)) {
    return `there is no feature gate "${name}"`;
  }
  if (!/^(true|false)$/i.test(value)) return `"${item}" must be ${name}=true or ${name}=false`;
  given.set(name, value.toLowerCase() === 'true');
  return undefined;
}

function settingsOf(given: ReadonlyMap<string, boolean>): GateSettings {
  const settings = new Map<string, boolean>();
  for (const group of Object.keys(groups)) settings.set(group, given.get(group) ?? false);
  for (const { name, stage, isOnByDefault } of featureGates) {
    const isGroupOn = settings.get(stage === 'ALPHA' ? 'AllAlpha' : 'AllBeta') === true;
    settings.set(name, given.get(name) ?? (isGroupOn || isOnByDefault));
  }
  return settings;
}
