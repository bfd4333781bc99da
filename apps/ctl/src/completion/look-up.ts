import type { Client } from '@quorate/client';
import { fromLatin1, toLatin1 } from '@quorate/std';
import { bytesOfText, textOf, type ByteString } from '../byte-string.ts';
import { Context } from '../cli/context.ts';
import { globalFlags } from '../cli/global-flags.ts';
import { contextFilePath } from '../contexts/context-file.ts';
import { ExitError } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import type { Candidate, LookUp } from './completions.ts';

/** Somebody waits with a finger on the key: longer than this is no help. */
const timeoutMs = 1_000;
/** Keys asked for at a time, and how often. A folder of any size costs one page, since the next begins behind it. */
const pageKeys = 100n;
const pagesMax = 20;
/** More than anybody reads. */
const candidatesMax = 500;

/** Looks candidates up, in the cluster that the command line is about or in the file of contexts; none if it cannot. */
export async function lookUpIn(terminal: Terminal, asked: LookUp): Promise<readonly Candidate[]> {
  try {
    if (asked.source === 'contexts') return await contexts(terminal.env);
    limitTime(asked);
    await using context = new Context(silent(terminal), asked.flags, asked.inherited);
    // First, since it takes the time limits from the environment or a context, and shorter ones are ours.
    const client = await context.client();
    return await fromCluster(client, asked, AbortSignal.timeout(timeoutMs));
  } catch {
    return [];
  }
}

/** A terminal where nothing is printed, and nobody answers. */
function silent({ env, stdin }: Terminal): Terminal {
  const refuse = () => Promise.reject(new ExitError('givenUp'));
  // A time limit that is set cannot come from the environment, too.
  const { ETCDCTL_DIAL_TIMEOUT: _dial, ETCDCTL_COMMAND_TIMEOUT: _command, ...others } = env;
  return { argv: [], env: others, stdin, out: () => {}, err: () => {}, askSecret: refuse, exec: refuse };
}

function limitTime({ flags }: LookUp): void {
  for (const flag of globalFlags) {
    if (flag.name === 'dial-timeout' || flag.name === 'command-timeout') flags.set(flag, `${timeoutMs}ms`);
  }
}

async function fromCluster(
  client: Client,
  asked: LookUp,
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  switch (asked.source) {
    case 'keys':
      return await keys(client, asked.typed, signal);
    case 'leases':
      return await leases(client, signal);
    case 'members':
      return await members(client, signal);
    case 'endpoints':
      return await endpoints(client, signal);
    case 'users':
      return (await client.auth.users.list({ signal })).users.map(plain);
    case 'roles':
      return (await client.auth.roles.list({ signal })).roles.map(plain);
    case 'contexts':
      return [];
  }
}

/** Keys with what is typed in front, up to the next `/`, as paths are completed. */
async function keys(client: Client, typed: ByteString, signal: AbortSignal): Promise<Candidate[]> {
  const { prefixEnd } = await import('../cli/open-client.ts');
  const found: ByteString[] = [];
  const everything = new Uint8Array([0]);
  const rangeEnd = typed === '' ? everything : prefixEnd(fromLatin1(typed));
  let key = typed === '' ? everything : fromLatin1(typed);
  for (let page = 0; page < pagesMax && found.length < candidatesMax; page++) {
    const request = { key, rangeEnd, limit: pageKeys, keysOnly: true, serializable: true };
    const { kvs, more } = await client.kv.range(request, { signal });
    for (const kv of kvs) {
      const name = upToSlash(toLatin1(kv.key), typed.length);
      if (name !== found.at(-1)) found.push(name);
    }
    const last = kvs.at(-1);
    const name = found.at(-1);
    if (!more || last === undefined || name === undefined) break;
    key = name.endsWith('/') ? prefixEnd(fromLatin1(name)) : behind(last.key);
  }
  return found.filter(isTypable).map((value) => ({ value, description: '' }));
}

function upToSlash(key: ByteString, from: number): ByteString {
  const slash = key.indexOf('/', from);
  return slash < 0 ? key : key.slice(0, slash + 1);
}

/** The smallest key that is greater. */
function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** Keys of control characters, or of bytes that are no UTF-8, cannot be put on a command line. */
function isTypable(key: ByteString): boolean {
  return key !== '' && !/[\x00-\x1f\x7f]/.test(key) && !textOf(key).includes('\ufffd');
}

async function leases(client: Client, signal: AbortSignal): Promise<Candidate[]> {
  const { leases: all } = await client.lease.leases({ signal });
  const ids = all.map(({ ID }) => BigInt.asUintN(64, ID).toString(16).padStart(16, '0'));
  return ids.toSorted().map((value) => ({ value, description: '' }));
}

async function members(client: Client, signal: AbortSignal): Promise<Candidate[]> {
  const { members: all } = await client.cluster.memberList({ linearizable: false }, { signal });
  return all.map(({ ID, name, isLearner }) => ({
    value: ID.toString(16),
    description: `${name === '' ? 'not started' : name}${isLearner ? ', learner' : ''}`,
  }));
}

async function endpoints(client: Client, signal: AbortSignal): Promise<Candidate[]> {
  const { members: all } = await client.cluster.memberList({ linearizable: false }, { signal });
  return all.flatMap(({ clientURLs, name }) =>
    clientURLs.map((url) => ({ value: bytesOfText(url), description: name })),
  );
}

async function contexts(env: Terminal['env']): Promise<Candidate[]> {
  const path = contextFilePath(env);
  if (path === undefined) return [];
  const { ContextStore } = await import('../contexts/context-store.ts');
  const store = ContextStore.read(path);
  return store.names.map((name) => {
    const endpointsOf = store.settings(name).get('endpoints');
    return { value: bytesOfText(name), description: endpointsOf === undefined ? '' : String(endpointsOf) };
  });
}

function plain(name: string): Candidate {
  return { value: bytesOfText(name), description: '' };
}
