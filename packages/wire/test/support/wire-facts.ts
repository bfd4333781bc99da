import { readFileSync } from 'node:fs';

/** The shape of `vectors/etcd-wire.json`: etcd's messages, numbers and routes, as facts. */
export interface WireFacts {
  readonly files: readonly FactFile[];
}

export interface FactFile {
  readonly file: string;
  readonly syntax: string;
  readonly package: string;
  readonly services?: Readonly<Record<string, Readonly<Record<string, FactRpc>>>>;
  readonly enums?: Readonly<Record<string, FactEnum>>;
  readonly messages?: Readonly<Record<string, FactMessage>>;
  readonly extensions?: readonly { readonly extends: string; readonly fields: readonly FactField[] }[];
}

export interface FactRpc {
  readonly request: string;
  readonly response: string;
  readonly client_streaming: boolean;
  readonly server_streaming: boolean;
  readonly http?: FactRoute & { readonly additional_bindings?: readonly FactRoute[] };
}

export interface FactRoute {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

export interface FactEnum {
  readonly values: Readonly<Record<string, number>>;
}

export interface FactMessage {
  readonly fields: readonly FactField[];
  readonly enums?: Readonly<Record<string, FactEnum>>;
  readonly reserved?: readonly string[];
}

export interface FactField {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly label?: 'optional' | 'repeated';
  readonly oneof?: string;
}

export function loadWireFacts(): WireFacts {
  const path = new URL('../vectors/etcd-wire.json', import.meta.url);
  // Our own file, of the shape above.
  return JSON.parse(readFileSync(path, 'utf8')) as WireFacts;
}

/** The facts as one line each, in an order of their own; types by their full names. */
export function factLines({ files }: WireFacts): string[] {
  const lines: string[] = [];
  const typeNames = declaredTypes(files);
  for (const file of files) {
    lines.push(`file ${file.file} ${file.syntax} ${file.package}`);
    for (const [name, value] of Object.entries(file.enums ?? {})) {
      lines.push(...enumLines(`${file.package}.${name}`, value));
    }
    for (const [name, message] of Object.entries(file.messages ?? {})) {
      lines.push(...messageLines(`${file.package}.${name}`, message, typeNames));
    }
    for (const { extends: extended, fields } of file.extensions ?? []) {
      for (const field of fields) {
        lines.push(`extension of ${extended}: ${fieldText(field, file.package, typeNames)}`);
      }
    }
    for (const [service, rpcs] of Object.entries(file.services ?? {})) {
      for (const [name, rpc] of Object.entries(rpcs)) {
        lines.push(`rpc ${file.package}.${service}.${name}${rpcText(rpc, file.package, typeNames)}`);
      }
    }
  }
  return lines.sort();
}

function declaredTypes(files: readonly FactFile[]): Set<string> {
  const names = new Set<string>();
  for (const file of files) {
    for (const name of Object.keys(file.enums ?? {})) names.add(`${file.package}.${name}`);
    for (const [name, message] of Object.entries(file.messages ?? {})) {
      names.add(`${file.package}.${name}`);
      for (const inner of Object.keys(message.enums ?? {})) names.add(`${file.package}.${name}.${inner}`);
    }
  }
  return names;
}

function enumLines(name: string, { values }: FactEnum): string[] {
  return Object.entries(values).map(([value, number]) => `enum ${name}: ${value} = ${number}`);
}

function messageLines(name: string, message: FactMessage, typeNames: ReadonlySet<string>): string[] {
  const { fields, enums = {}, reserved = [] } = message;
  return [
    `message ${name}`,
    ...fields.map((field) => `field of ${name}: ${fieldText(field, name, typeNames)}`),
    ...reserved.map((text) => `reserved in ${name}: ${text}`),
    ...Object.entries(enums).flatMap(([inner, value]) => enumLines(`${name}.${inner}`, value)),
  ];
}

function fieldText(field: FactField, scope: string, typeNames: ReadonlySet<string>): string {
  const { label = 'single', oneof } = field;
  const type = field.type.replace(/[A-Z]\w*|\w+\.\w+/g, (name) => resolve(name, scope, typeNames));
  const union = oneof === undefined ? '' : ` in ${oneof}`;
  return `${field.name} = ${field.number} ${label} ${type.replace(/,\s*/, ', ')}${union}`;
}

function rpcText(rpc: FactRpc, scope: string, typeNames: ReadonlySet<string>): string {
  const request = (rpc.client_streaming ? 'stream ' : '') + resolve(rpc.request, scope, typeNames);
  const response = (rpc.server_streaming ? 'stream ' : '') + resolve(rpc.response, scope, typeNames);
  const routes = rpc.http === undefined ? [] : [rpc.http, ...(rpc.http.additional_bindings ?? [])];
  const routeTexts = routes.map(({ method, path, body }) => ` ${method} ${path} body ${body}`);
  return ` (${request}) returns (${response})${routeTexts.join()}`;
}

/** A type by its full name, looked for from the innermost scope outwards as protoc does. */
function resolve(name: string, scope: string, typeNames: ReadonlySet<string>): string {
  for (let around = scope; around !== ''; around = around.replace(/\.?\w+$/, '')) {
    if (typeNames.has(`${around}.${name}`)) return `${around}.${name}`;
  }
  if (typeNames.has(name)) return name;
  throw new Error(`the facts mention ${name} in ${scope}, but nowhere define it`);
}
