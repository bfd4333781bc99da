import { healthpb } from '@quorate/wire';
import { RpcError, status } from './errors.ts';
import { decodeRequest, generatedMethod } from './generated-method.ts';
import type { ServiceMethod } from './service-method.ts';
import type { StreamCall } from './transport.ts';

const { methods } = healthpb.HealthDefinition;
const serving: healthpb.HealthCheckResponse = { status: healthpb.HealthCheckResponse_ServingStatus.SERVING };

/** `grpc.health.v1.Health`: one service, the server as a whole, under the empty name. */
export function healthService(): Record<keyof typeof methods, ServiceMethod> {
  return {
    check: generatedMethod(methods.check, ({ service }) => {
      if (service !== '') throw new RpcError(status.NOT_FOUND, 'unknown service');
      return serving;
    }),
    list: generatedMethod(methods.list, () => ({ statuses: { '': serving } })),
    watch: {
      kind: 'stream',
      clientStreams: false,
      serverStreams: true,
      isOpenEnded: true,
      handler: watchHealth,
    },
  };
}

async function watchHealth(call: StreamCall): Promise<void> {
  for await (const bytes of call.requests) {
    const { service } = decodeRequest(healthpb.HealthCheckRequest, bytes);
    const unknown = healthpb.HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN;
    const answer = service === '' ? serving : { status: unknown };
    call.send(healthpb.HealthCheckResponse.encode(answer).finish());
  }
  await new Promise<void>((resolve) => {
    if (call.signal.aborted) resolve();
    else call.signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
