import type { rpcpb } from '@quorate/wire';
import { endOf, type RawStream, type Reply } from './grpc-caller.ts';

/** What came on a stream, and how it ended; a stream that was left before has ended well. */
export interface StreamAnswers {
  readonly answers: readonly unknown[];
  readonly end: Reply;
}

/** Longest wait for an answer. */
const patienceMs = 20_000;

/** Reads a stream to its end, or until `look`, which is shown each answer, has had enough. */
export async function answersOf<T>(
  stream: RawStream,
  type: rpcpb.MessageFns<T>,
  look: (answer: T) => 'enough' | 'more' = () => 'more',
): Promise<StreamAnswers> {
  const answers: T[] = [];
  const enough = Promise.withResolvers<Reply>();
  const late = setTimeout(() => enough.reject(new Error('a stream says nothing')), patienceMs);
  stream.on('data', (bytes: Buffer) => {
    const answer = type.decode(bytes);
    answers.push(answer);
    if (look(answer) === 'enough') enough.resolve({ code: 0, message: '', bytes: new Uint8Array() });
  });
  try {
    const end = await Promise.race([endOf(stream), enough.promise]);
    return { answers, end };
  } finally {
    clearTimeout(late);
  }
}
