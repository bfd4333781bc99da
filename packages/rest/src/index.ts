/** etcd's API as JSON over HTTP, over whatever answers its calls. */
export { RestSurface, type RestOptions } from './rest-surface.ts';
export type { RestBackend, RestCall } from './backend.ts';
export { RestError } from './status.ts';
export { routes, type Route } from './routes.ts';
export { openApi } from './openapi.ts';
export { fromJson, type BytesForm } from './from-json.ts';
export { jsonPieces, toJson, type JsonForm } from './to-json.ts';
export type { EnumShape, FieldKind, FieldShape, MessageShape, MethodShape } from './shapes.ts';
