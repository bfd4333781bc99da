import { rpcpb } from '@quorate/wire';
import { generatedMethod } from './generated-method.ts';
import type { Member } from './member.ts';
import { notBuilt, notBuiltStream } from './not-built.ts';
import type { Method } from './transport.ts';

const { methods } = rpcpb.MaintenanceDefinition;

/** `etcdserverpb.Maintenance`. */
export function maintenanceService({ maintenance }: Member): Record<keyof typeof methods, Method> {
  return {
    alarm: generatedMethod(methods.alarm, (request) => maintenance.alarm(request)),
    status: generatedMethod(methods.status, () => maintenance.status()),
    defragment: generatedMethod(methods.defragment, async () => {
      await maintenance.defragment();
      return { header: undefined };
    }),
    hash: generatedMethod(methods.hash, () => maintenance.hash()),
    hashKV: generatedMethod(methods.hashKV, (request) => maintenance.hashKv(request)),
    snapshot: notBuiltStream('streaming a snapshot', false),
    moveLeader: notBuilt('moving the leadership'),
    downgrade: notBuilt('downgrading a cluster'),
  };
}
