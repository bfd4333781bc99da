import { routes, type Route } from './routes.ts';
import type { FieldShape, MessageShape } from './shapes.ts';

type Schema = Readonly<Record<string, unknown>>;

/** The API as an OpenAPI 3.1 document, made of the same descriptors as the routes and their JSON. */
export function openApi(version: string): Schema {
  const messages = new Map<string, MessageShape>();
  for (const { method } of routes) {
    collect(method.request, messages);
    collect(method.response, messages);
  }
  const named = [...messages.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    openapi: '3.1.0',
    info: {
      title: 'etcd v3 API',
      version,
      description:
        'Bytes are base64, 64-bit integers are strings, and what is zero is left out. With ?text=1, bytes that are ' +
        'text are written as text, and others as {"base64": "…"}.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{}, { token: [] }],
    paths: Object.fromEntries(routes.map((route) => [route.path, { post: operation(route) }])),
    components: {
      securitySchemes: {
        token: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description: 'The token that /v3/auth/authenticate answers with.',
        },
      },
      schemas: {
        ...Object.fromEntries(named.map((message) => [message.name, messageSchema(message)])),
        ...errorSchemas,
      },
    },
  };
}

function collect(message: MessageShape, into: Map<string, MessageShape>): void {
  if (into.has(message.name)) return;
  into.set(message.name, message);
  for (const field of message.fields) {
    if (field.message !== undefined) collect(field.message, into);
  }
}

function operation({ path, method }: Route): Schema {
  const { request, response, serverStreams, clientStreams, service, rpc } = method;
  const first = routes.find((route) => route.method === method || route.method.path === method.path);
  const suffix = first?.path === path ? '' : `_${path.split('/').slice(2).join('_')}`;
  const result = serverStreams
    ? { type: 'object', properties: { result: reference(response.name), error: reference('stream.Error') } }
    : reference(response.name);
  const several = clientStreams ? ' The body may hold several requests, one after the other.' : '';
  const streamed = serverStreams ? 'A stream: one JSON document a line.' : 'The answer.';
  return {
    operationId: `${service.split('.').at(-1) ?? service}_${rpc}${suffix}`,
    tags: [service.split('.').at(-1) ?? service],
    requestBody: {
      description: `What is left out is zero.${several}`,
      content: { 'application/json': { schema: reference(request.name) } },
    },
    responses: {
      200: { description: streamed, content: { 'application/json': { schema: result } } },
      default: {
        description: 'The call failed.',
        content: {
          'application/json': {
            schema: serverStreams
              ? { type: 'object', properties: { error: reference('stream.Error') } }
              : reference('Error'),
          },
        },
      },
    },
  };
}

const errorSchemas: Schema = {
  Error: {
    type: 'object',
    properties: {
      error: { type: 'string', description: 'The same as message, as etcd 3.5 has it.' },
      code: { type: 'integer', description: 'The code of gRPC.' },
      message: { type: 'string' },
    },
    required: ['code', 'message'],
  },
  'stream.Error': {
    type: 'object',
    properties: {
      code: { type: 'integer', description: 'The code of gRPC.' },
      message: { type: 'string' },
      grpc_code: { type: 'integer', description: 'The same as code, as etcd 3.5 has it.' },
      http_code: { type: 'integer' },
      http_status: { type: 'string' },
    },
    required: ['code', 'message'],
  },
};

function messageSchema(message: MessageShape): Schema {
  return {
    type: 'object',
    properties: Object.fromEntries(message.fields.map((field) => [field.name, fieldSchema(field)])),
  };
}

function fieldSchema(field: FieldShape): Schema {
  const schema = singleSchema(field);
  return field.isList ? { type: 'array', items: schema } : schema;
}

function singleSchema({ kind, message, enumeration }: FieldShape): Schema {
  switch (kind) {
    case 'message':
      return message === undefined ? {} : reference(message.name);
    case 'enum':
      return { type: 'string', enum: [...(enumeration?.numberOf.keys() ?? [])] };
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64' };
    case 'bool':
      return { type: 'boolean' };
    case 'string':
      return { type: 'string' };
    case 'int32':
    case 'uint32':
      return { type: 'integer', format: kind };
    case 'int64':
    case 'uint64':
      return { type: 'string', format: kind };
  }
}

function reference(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}
