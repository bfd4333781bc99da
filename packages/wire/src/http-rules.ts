import { WireReader } from './hot/reader.ts';

/** One way to reach an RPC over HTTP, as its google.api.http annotation says. */
export interface HttpRule {
  /** Name of the RPC in its service, like `LeaseGrant`. */
  readonly rpc: string;
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';
  readonly path: string;
  /** The request field that the HTTP body fills: `*` for all of them, empty for none. */
  readonly body: string;
}

/** As much of a generated service definition as `httpRules` looks at. */
export interface AnnotatedService {
  readonly methods: Readonly<Record<string, AnnotatedMethod>>;
}

interface AnnotatedMethod {
  readonly name: string;
  readonly options: { readonly _unknownFields?: Readonly<Record<number, readonly Uint8Array[]>> };
}

/** The extension of google.protobuf.MethodOptions, number 72295728, as a tag. */
const httpOptionTag = 72295728 * 8 + 2;

const methodOfField = new Map<number, HttpRule['method']>([
  [2, 'GET'],
  [3, 'PUT'],
  [4, 'POST'],
  [5, 'DELETE'],
  [6, 'PATCH'],
]);
const bodyField = 7;
const additionalBindingsField = 11;

/** All HTTP routes of a service, such as `httpRules(rpcpb.KVDefinition)`; RPCs without one have none. */
export function httpRules(service: AnnotatedService): HttpRule[] {
  const rules: HttpRule[] = [];
  for (const { name, options } of Object.values(service.methods)) {
    for (const option of options._unknownFields?.[httpOptionTag] ?? []) {
      const reader = new WireReader(option, undefined, undefined);
      reader.enter(); // ts-proto keeps the length in front of the message.
      readRule(reader, name, rules);
    }
  }
  return rules;
}

function readRule(reader: WireReader, rpc: string, rules: HttpRule[]): void {
  let method: HttpRule['method'] | undefined;
  let path = '';
  let body = '';
  const additional: HttpRule[] = [];
  while (reader.hasMore) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (field === additionalBindingsField) {
      const outerEnd = reader.enter();
      readRule(reader, rpc, additional);
      reader.leave(outerEnd);
    } else if (field === bodyField) {
      body = reader.text();
    } else if (methodOfField.has(field)) {
      method = methodOfField.get(field);
      path = reader.text();
    } else {
      reader.skip(tag, 0);
    }
  }
  if (method !== undefined) rules.push({ rpc, method, path, body });
  rules.push(...additional);
}
