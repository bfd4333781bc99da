import { rpcpb } from '@quorate/wire';
import { RpcError, status } from './errors.ts';
import { generatedMethod } from './generated-method.ts';
import type { Member } from './member.ts';
import { sendSnapshot } from './snapshot-stream.ts';
import type { ServiceMethod } from './service-method.ts';

const { methods } = rpcpb.MaintenanceDefinition;

/** `etcdserverpb.Maintenance`. */
export function maintenanceService({ maintenance }: Member): Record<keyof typeof methods, ServiceMethod> {
  return {
    alarm: generatedMethod(methods.alarm, (request, _call, caller) => maintenance.alarm(request, caller)),
    status: generatedMethod(methods.status, () => maintenance.status()),
    defragment: generatedMethod(methods.defragment, async () => {
      await maintenance.defragment();
      return { header: undefined };
    }),
    hash: generatedMethod(methods.hash, () => maintenance.hash()),
    hashKV: generatedMethod(methods.hashKV, (request) => maintenance.hashKv(request)),
    snapshot: {
      kind: 'stream',
      clientStreams: false,
      serverStreams: true,
      handler: (call) => sendSnapshot(maintenance, call),
    },
    moveLeader: generatedMethod(methods.moveLeader, (request, { signal }) =>
      maintenance.moveLeader(request, { signal }),
    ),
    downgrade: generatedMethod(methods.downgrade, (request) => {
      if (!downgradeActions.has(request.action)) {
        throw new RpcError(status.UNKNOWN, 'etcdserver: unknown method');
      }
      return maintenance.downgrade(request);
    }),
  };
}

const { VALIDATE, ENABLE, CANCEL } = rpcpb.DowngradeRequest_DowngradeAction;
const downgradeActions: ReadonlySet<rpcpb.DowngradeRequest_DowngradeAction> = new Set([
  VALIDATE,
  ENABLE,
  CANCEL,
]);
