import { routes, type FieldShape, type MessageShape, type Route } from '@quorate/rest';
import type { Dice } from '../differential/dice.ts';
import type { RestRequest } from './rest-call.ts';

type Json = string;

/** Routes that are asked on their own: they wait, or they change what the rest is about. */
const special: ReadonlySet<string> = new Set([
  '/v3/watch',
  '/v3/maintenance/snapshot',
  '/v3/election/observe',
  '/v3/election/campaign',
  '/v3/election/proclaim',
  '/v3/election/resign',
  '/v3/lock/lock',
]);

/** Any request for any route, of which most make sense. */
export function anyRequest(dice: Dice): RestRequest {
  const route = dice.pick(ordinaryRoutes);
  const path = dice.perMille(50) ? route.path.replace('/v3/', '/v3beta/') : route.path;
  return { path, body: bodyFor(route, dice) };
}

export const ordinaryRoutes: readonly Route[] = routes.filter(({ path }) => !special.has(path));

/** A body for this route in any of the ways in which JSON can say the same. */
export function bodyFor({ method, path }: Route, dice: Dice): Json {
  const json = messageOf(method.request, path, dice, 0);
  if (method.clientStreams)
    return dice
      .list(dice.between(0, 3), () => messageOf(method.request, path, dice, 0))
      .join(dice.pick(['', ' ', '\n']));
  return dice.perMille(30) ? `${json} and more` : json;
}

/** A request that JSON's grammar, or what its fields may be, does not allow. */
export function malformedRequest(route: Route, dice: Dice): RestRequest {
  const { path, method } = route;
  const fields = method.request.fields.filter(({ isList }) => !isList);
  const kind = fields.length === 0 ? 'damaged' : dice.pick(['damaged', 'wrong', 'twice'] as const);
  if (kind === 'damaged') return { path, body: dice.pick(damaged) };
  const field = dice.pick(fields);
  const name = JSON.stringify(nameOf(field, dice));
  const wrong = dice.pick(wrongValues[field.kind]);
  const first = kind === 'twice' ? `${name}:null` : `${name}:${wrong}`;
  const space = dice.pick(['', ' ', '\n ']);
  return { path, body: `{${space}${first},${space}${name}:${wrong}}` };
}

/** Everything that a route has to refuse: damaged JSON, and each of its fields with each value that it can't have. */
export function allMalformed({ method }: Route): Json[] {
  const wrong = method.request.fields.flatMap((field) => {
    const values = wrongValues[field.kind].map((value) => (field.isList ? `[${value}]` : value));
    const names = new Set([field.name, field.jsonName]);
    return [...names].flatMap((name) => values.map((value) => `{${JSON.stringify(name)}:${value}}`));
  });
  return [...damaged, ...wrong];
}

const damaged = [
  ...['{', '[]', 'null', '12', '-', '"abc"', '}', '<html>', '{"x":tru}', '{"x":1,}', '{"x" 1}', '{"x":01}'],
  ...['{"x":"\\q"}', '{"x":"\\u12x4"}', '{"x":1 "y":2}', '{"x":[1 2]}', '{"x":1.}', '{"x":1e}', '{"x":"\n"}'],
  ...[
    '{x:1}',
    "{'x':1}",
    '{"x":\u0007}',
    '{"x":é}',
    'nul',
    '{"x":NaN}',
    '\ufeff{}',
    '{"x":"\\ud800"}',
    '{"":1',
  ],
];

const noInteger = [
  '1.5',
  '"x"',
  '""',
  '" 1"',
  '"1 "',
  'true',
  '{}',
  '[1]',
  '"0x1"',
  '1e40',
  '"1e"',
  '99999999999999999999',
];

const wrongValues: Readonly<Record<FieldShape['kind'], readonly Json[]>> = {
  bytes: ['5', 'true', '{}', '[1]', '"Zm9vY"', '"Zm+_"', '"é"', '"====" ', '"Z"', '"Zg="', '"Z g="'],
  string: ['5', 'true', '{}', '["a"]', '"\\udc00x"', '"\\ud800\\u0041 "'],
  bool: ['1', '"true"', '{}', '[]', '0.5'],
  int32: noInteger,
  int64: [...noInteger, '9223372036854775808', '"-9223372036854775809"'],
  uint32: [...noInteger, '-1', '4294967296'],
  uint64: [...noInteger, '-1', '18446744073709551616'],
  enum: ['1.5', 'true', '{}', '[1]', '4294967296'],
  message: ['5', '"x"', 'true', '[{}]'],
};

/** Far down, and where nothing needs to be there, there is nothing. */
function messageOf(shape: MessageShape, path: string, dice: Dice, depth: number): Json {
  const oneofs = new Set<string>();
  const parts: Json[] = [];
  for (const field of shape.fields) {
    if (field.name === 'hashedPassword') continue; // Members tell each other; nobody else has to.
    const isNecessary = necessary.has(`${path} ${field.name}`);
    if (!isNecessary && !dice.perMille(isNeeded(field) ? 900 : 300)) continue;
    if (field.oneof !== undefined && oneofs.has(field.oneof)) continue;
    if (depth > 2 && field.message !== undefined) continue;
    if (field.oneof !== undefined) oneofs.add(field.oneof);
    parts.push(`${JSON.stringify(nameOf(field, dice))}:${fieldOf(field, shape, path, dice, depth)}`);
  }
  if (dice.perMille(50))
    parts.push(dice.pick(['"unknown":[1,{"a":null}]', '"__proto__":{"x":1}', '"":"\\u0000"']));
  const space = dice.pick(['', '', ' ', '\n\t']);
  return `{${space}${parts.join(`,${space}`)}${space}}`;
}

function isNeeded({ name }: FieldShape): boolean {
  return ['key', 'name', 'user', 'role', 'compare', 'success', 'failure', 'ID', 'TTL'].includes(name);
}

function nameOf({ name, jsonName }: FieldShape, dice: Dice): string {
  return dice.pick([name, jsonName]);
}

function fieldOf(field: FieldShape, shape: MessageShape, path: string, dice: Dice, depth: number): Json {
  const isNecessary = necessary.has(`${path} ${field.name}`);
  if (!isNecessary && dice.perMille(20)) return 'null';
  const one = (): Json => valueOf(field, shape, path, dice, depth);
  return field.isList ? `[${dice.list(dice.between(isNecessary ? 1 : 0, 2), one).join(',')}]` : one();
}

function valueOf(field: FieldShape, shape: MessageShape, path: string, dice: Dice, depth: number): Json {
  const fixed = safeValues[`${path} ${field.name}`];
  if (fixed !== undefined) return dice.pick(fixed);
  switch (field.kind) {
    case 'message':
      return field.message === undefined ? '{}' : messageOf(field.message, path, dice, depth + 1);
    case 'bytes':
      return dice.pick(field.name === 'range_end' ? ends : keys);
    case 'string':
      return dice.pick([
        '"alice"',
        '"bob"',
        '"carol"',
        '"r\\u00f6le"',
        '"a<b>&c"',
        '"\\u2028"',
        '""',
        '"\\ud83d\\ude00"',
      ]);
    case 'bool':
      return dice.pick(['true', 'false']);
    case 'enum': {
      const names = [...(field.enumeration?.numberOf ?? [])];
      const [name, number] = dice.pick(names);
      // Names that nobody knows are passed over; numbers that nobody knows end etcd 3.5.
      return dice.pick([JSON.stringify(name), String(number), '"NOBODY_KNOWS"']);
    }
    default:
      return integerOf(shape, dice);
  }
}

const keys = ['"YQ=="', '"Yg=="', '"Yg"', '"Yy8="', '"_-8="', '"/+8="', '"Zm9v\\n"', '"4pyT"'];
const ends = ['"ZA=="', '"YQ=="', '""'];

function integerOf({ name }: MessageShape, dice: Dice): Json {
  // The size of a response follows a limit; there is no time in these tests for a life of a lease to matter.
  const small = dice.pick(['0', '1', '"2"', '"7"', '1e0', '30.0e-1', '"1000"', '-1']);
  const large = dice.pick([
    '9223372036854775807',
    '"-9223372036854775808"',
    '9007199254740993',
    '"4611686018427387904"',
  ]);
  return !name.includes('Grant') && dice.perMille(100) ? large : small;
}

/** Without these, chance would say what they are, or Quorate refuses what etcd does not look at. */
const necessary: ReadonlySet<string> = new Set([
  '/v3/lease/grant ID',
  '/v3/lease/grant TTL',
  '/v3/cluster/member/update peerURLs',
]);

/** Where not everything may be asked: of a member alone, of an etcd 3.5 that would end, or of two versions. */
const safeValues: Readonly<Record<string, readonly Json[]>> = {
  '/v3/maintenance/alarm action': ['"GET"', '0', '2', '"DEACTIVATE"', '"DEACTIVATE"', '"ACTIVATE"'],
  '/v3/lease/grant ID': ['1', '"2"', '7', '1000', '"9007199254740993"'],
  '/v3/lease/grant TTL': ['3600', '"3600"', '36e2', '3600.0', '"9223372036854775807"'],
  '/v3/cluster/member/add peerURLs': ['"ftp://127.0.0.1:1"', '"http://127.0.0.1"', '""', '"x"'],
  '/v3/cluster/member/update peerURLs': ['"http://127.0.0.1:1"'],
  '/v3/cluster/member/add isLearner': ['true'],
  '/v3/maintenance/downgrade action': ['"VALIDATE"', '0', '"NOBODY_KNOWS"'],
  '/v3/maintenance/downgrade version': ['""', '"x"', '"3"', '"a.b"'],
  '/v3/maintenance/alarm alarm': ['"NOSPACE"', '1'],
  '/v3/maintenance/alarm memberID': ['0'],
  '/v3/kv/compaction revision': ['0', '-1', '"1"', '2', '9007199254740993'],
  '/v3/maintenance/hashkv revision': ['0'],
};
