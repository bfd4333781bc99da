import { textOf, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { memberAddPrintout, memberChangePrintout, memberListPrintout } from '../print/member.ts';
import { isSerializable } from './get.ts';
import { parseMemberId } from './ids.ts';

/** Lists the members. */
export async function memberList(context: Context): Promise<void> {
  const linearizable = !isSerializable(context.flags.string('consistency'));
  const client = await context.client();
  const response = await client.cluster.memberList({ linearizable }, { timeoutMs: context.timeoutMs });
  context.print(memberListPrintout(response, { hex: context.hex }));
}

/** Adds a member; the process is started after that, with what is printed. */
export async function memberAdd(context: Context): Promise<void> {
  const [name] = context.args;
  if (name === undefined) throw new ExitError('badArguments', 'member name not provided');
  if (context.args.length > 1) {
    const hint = context.args.some((argument) => argument.startsWith('http'))
      ? `, did you mean --peer-urls=${context.args.slice(1).join(',')}`
      : '';
    throw new ExitError('badArguments', `too many arguments${hint}`);
  }
  const peerUrls = peerUrlsOf(context);
  const request = { peerURLs: peerUrls.map(textOf), isLearner: context.flags.bool('learner') };
  checkUrls(peerUrls);
  const client = await context.client();
  const response = await client.cluster.memberAdd(request, { timeoutMs: context.timeoutMs });
  context.print(memberAddPrintout(response, { name, peerUrls }));
}

/** Removes a member. */
export async function memberRemove(context: Context): Promise<void> {
  const ID = memberIdOf(context);
  const client = await context.client();
  const response = await client.cluster.memberRemove({ ID }, { timeoutMs: context.timeoutMs });
  context.print(memberChangePrintout(ID, 'removed from', response));
}

/** Changes where a member is reached by the others. */
export async function memberUpdate(context: Context): Promise<void> {
  const ID = memberIdOf(context);
  const peerUrls = peerUrlsOf(context);
  checkUrls(peerUrls);
  const client = await context.client();
  const request = { ID, peerURLs: peerUrls.map(textOf) };
  const response = await client.cluster.memberUpdate(request, { timeoutMs: context.timeoutMs });
  context.print(memberChangePrintout(ID, 'updated in', response));
}

/** Makes a learner a voter. */
export async function memberPromote(context: Context): Promise<void> {
  const ID = memberIdOf(context);
  const client = await context.client();
  const response = await client.cluster.memberPromote({ ID }, { timeoutMs: context.timeoutMs });
  context.print(memberChangePrintout(ID, 'promoted in', response));
}

function memberIdOf(context: Context): bigint {
  const [text] = context.args;
  if (text === undefined || context.args.length !== 1) {
    throw new ExitError('badArguments', 'member ID is not provided');
  }
  return parseMemberId(text);
}

function peerUrlsOf(context: Context): readonly ByteString[] {
  const text = context.flags.string('peer-urls');
  if (text === '') throw new ExitError('badArguments', 'member peer urls not provided');
  return text.split(',');
}

/** Refuses URLs that no member could be reached at, with the words of etcd's client. */
function checkUrls(urls: readonly ByteString[]): void {
  for (const url of urls) {
    const parts = /^([a-z]+):\/\/([^/]*)(.*)$/s.exec(url);
    const scheme = parts?.[1] ?? '';
    if (!['http', 'https', 'unix', 'unixs'].includes(scheme)) {
      throw new ExitError('error', `URL scheme must be http, https, unix, or unixs: ${url}`);
    }
    if (scheme.startsWith('unix')) continue;
    if (!/:\d+$/.test(parts?.[2] ?? '')) {
      throw new ExitError('error', `URL address does not have the form "host:port": ${url}`);
    }
    if ((parts?.[3] ?? '') !== '') throw new ExitError('error', `URL must not contain a path: ${url}`);
  }
}
