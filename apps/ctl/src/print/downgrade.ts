import { rpcpb } from '@quorate/wire';
import { bytesOfText } from '../byte-string.ts';
import { omitEmpty } from '../go/json.ts';
import { headerJson } from './kv.ts';
import type { Printout } from './printout.ts';

/** The result of the `downgrade` commands, as etcdctl 3.6 has them. */
export function downgradePrintout(
  word: 'validate' | 'enable' | 'cancel',
  response: rpcpb.DowngradeResponse,
): Printout {
  const { header, version } = response;
  return {
    simple: () => `Downgrade ${word} success, cluster version ${bytesOfText(version)}\n`,
    json: () => omitEmpty({ header: headerJson(header), version }),
    protobuf: () => rpcpb.DowngradeResponse.encode(response).finish(),
  };
}
