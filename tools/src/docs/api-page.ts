import { openApi, routes, type FieldShape, type MessageShape, type MethodShape } from '@quorate/rest';
import { code, plain, table } from './tables.ts';

/** The page of all calls: gRPC methods, their routes, and every message, made of the descriptors that the server goes by. */
export function apiPage(): string {
  const methods = [...new Map(routes.map(({ method }) => [method.path, method])).values()];
  const services = Map.groupBy(methods, ({ service }) => service);
  const messages = messagesOf(methods);
  return [
    '# Calls and messages',
    '',
    'Made of the descriptors that the server answers by. Each call is a gRPC method on the client port, and a `POST` with a JSON body on',
    'the same port. The answer of a streaming call is one JSON document a line, or server-sent events when the client accepts',
    `them. A member and a gateway serve this as OpenAPI ${plain(openApiVersion())} at \`/openapi.json\`.`,
    '',
    'In JSON, 64-bit integers are strings, bytes are base64, enums are their names, and what is zero is left out. With `?text=1`, keys and',
    'values that are text are written as text. How to use it stands in the [guide](/guides/gateway-and-json), which calls a user may',
    'make in [SECURITY](/security).',
    '',
    ...[...services].flatMap(([service, list]) => [
      `## ${service.split('.').at(-1)}`,
      '',
      table(
        ['method', 'route', 'request', 'answer'],
        list.map((method) => [
          code(method.path),
          routes
            .filter((route) => route.method.path === method.path)
            .map(({ path }) => code(`POST ${path}`))
            .join('<br>'),
          `${method.clientStreams ? 'stream of ' : ''}${messageLink(method.request)}`,
          `${method.serverStreams ? 'stream of ' : ''}${messageLink(method.response)}`,
        ]),
      ),
      '',
    ]),
    '## Beside the services',
    '',
    table(['address', 'what it answers'], surfaces),
    '',
    '## Messages',
    '',
    ...messages.flatMap(messageSection),
  ].join('\n');
}

const surfaces = [
  [
    '`GET /health`',
    'whether the member can serve; `?serializable=true` leaves the cluster out, `?exclude=NOSPACE` an alarm',
  ],
  [
    '`GET /livez`, `GET /readyz`',
    'whether it is alive, whether it should get requests; `?verbose` lists the checks',
  ],
  ['`GET /version`', 'versions of server, cluster and storage'],
  ['`GET /metrics`', '[metrics](/reference/metrics) for Prometheus'],
  ['`GET /openapi.json`', 'this page for programs'],
  ['`grpc.health.v1.Health`', 'the health of the member, over gRPC'],
];

function openApiVersion(): string {
  const { openapi } = openApi('');
  return typeof openapi === 'string' ? openapi : '';
}

function messagesOf(methods: readonly MethodShape[]): MessageShape[] {
  const found = new Map<string, MessageShape>();
  const add = (message: MessageShape): void => {
    if (found.has(message.name)) return;
    found.set(message.name, message);
    for (const field of message.fields) if (field.message !== undefined) add(field.message);
  };
  for (const { request, response } of methods) {
    add(request);
    add(response);
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function messageSection({ name, fields }: MessageShape): string[] {
  if (fields.length === 0) return [`### ${name}`, '', 'It has no fields.', ''];
  const rows = fields.map((field) => [
    code(field.name),
    `${field.number}`,
    typeOf(field),
    field.oneof === undefined ? '' : `one of ${code(field.oneof.split('.').at(-1) ?? '')}`,
  ]);
  return [`### ${name}`, '', table(['field', 'number', 'type', ''], rows), ''];
}

function typeOf({ kind, isList, message, enumeration }: FieldShape): string {
  const one =
    message !== undefined
      ? messageLink(message)
      : enumeration === undefined
        ? code(kind)
        : [...enumeration.nameOf.values()].map(code).join(', ');
  return isList ? `list of ${one}` : one;
}

function messageLink({ name }: MessageShape): string {
  return `[${name}](#${name.toLowerCase().replaceAll('.', '')})`;
}
