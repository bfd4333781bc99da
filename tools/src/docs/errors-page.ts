import { clientErrors } from '@quorate/rpc';
import type { ErrorClass } from './api-reference.ts';
import { addressOf } from './site-map.ts';
import { code, plain, table } from './tables.ts';
import type { WorkspacePackage } from './workspace.ts';

/** More codes than this stand at the package only. */
const codesMax = 4;

/** The page of all errors: what clients are told over gRPC, and the classes that packages throw. */
export function errorsPage(errors: readonly ErrorClass[], packages: readonly WorkspacePackage[]): string {
  const projectOf = new Map(
    packages.flatMap(({ project, doors }) => doors.map(({ name }) => [name, project])),
  );
  return [
    '# Errors',
    '',
    'Made of the code. Programs should look at codes, never at texts.',
    '',
    '## Over gRPC and JSON',
    '',
    'Status and text are those of etcd, to the letter, since clients compare them. The first column is the code inside of Quorate. Over',
    'HTTP a failed call answers `{"error": text, "code": number of the status, "message": text}`.',
    '',
    'What to do about them:',
    '',
    table(
      ['status', 'what it means', 'what to do'],
      advice.map(([status, meaning, doing]) => [code(status), meaning, doing]),
    ),
    '',
    table(
      ['code', 'status', 'text'],
      clientErrors.map((each) => [code(each.code), code(each.status), plain(each.text)]),
    ),
    '',
    '## Classes of packages',
    '',
    'Each package has its own few classes with a stable `code`. The doors that end in `/testing` are for tests.',
    '',
    table(
      ['class', 'package', 'code', 'meaning'],
      errors.map(({ name, from, code: codes, summary }) => [
        code(name),
        `[${from}](${addressOf(`packages/${projectOf.get(from) ?? ''}/api`)})`,
        codesOf(codes),
        summary,
      ]),
    ),
    '',
  ].join('\n');
}

const advice = [
  ['INVALID_ARGUMENT', 'The request makes no sense.', 'Correct it; sending it again will not help.'],
  [
    'NOT_FOUND',
    'The lease or member is not there.',
    'Take it as gone: grant a new lease, list the members again.',
  ],
  [
    'FAILED_PRECONDITION',
    'The cluster is in another state than the request needs.',
    'Look at the text: it names the state.',
  ],
  [
    'OUT_OF_RANGE',
    'The revision is compacted, or was not written yet.',
    'Read again, and go on from the revision of that answer.',
  ],
  ['PERMISSION_DENIED', 'The user may not do this.', 'Grant his role the permission, or do not ask.'],
  [
    'UNAUTHENTICATED',
    'The token is not, or no longer, good.',
    'Log in again; the client of Quorate does so by itself.',
  ],
  [
    'RESOURCE_EXHAUSTED',
    'The quota is used up, or the member has too much to do.',
    'Compact and disarm; or wait and ask less at once.',
  ],
  [
    'UNAVAILABLE',
    'No leader, no member, or no answer in time.',
    'Reads: again. Writes: they may have happened, so look first.',
  ],
  ['DEADLINE_EXCEEDED', 'Your own deadline passed.', 'As for UNAVAILABLE.'],
  [
    'DATA_LOSS',
    'A member found that its data differs from the others.',
    'See [the runbook](/operations/runbook#quoratecorrupt).',
  ],
  [
    'UNKNOWN',
    'Something else went wrong, or etcd has no status for it.',
    'Look at the text, and at the log of the member.',
  ],
] as const;

function codesOf(type: string): string {
  const codes = type.split(' | ').map((each) => each.replaceAll('"', ''));
  if (codes.includes('DEADLINE_EXCEEDED')) return 'the name of a gRPC status';
  return codes.length > codesMax
    ? `${codes.slice(0, codesMax).map(code).join(', ')}, …`
    : codes.map(code).join(', ');
}
