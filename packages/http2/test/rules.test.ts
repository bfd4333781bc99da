import { describe, expect, test } from 'vitest';
import {
  clientPreface,
  flag,
  frame,
  frameType,
  preface,
  setting,
  settings,
  windowUpdate,
} from '../src/testing/index.ts';
import { Dialogue, goodRequest } from './dialogue.ts';

/**
 * Each rule of RFC 9113 that a server has to check, by frames made by hand: what is sent after a good beginning, and what the
 * server says to it. `goaway` ends the connection, `reset` a stream.
 */
interface Case {
  readonly name: string;
  readonly send: (dialogue: Dialogue) => void;
  readonly heard: readonly string[];
  /** What those who serve requests have been told, where that matters. */
  readonly told?: readonly string[];
}

const {
  DATA,
  HEADERS,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  PUSH_PROMISE,
  PING,
  GOAWAY,
  WINDOW_UPDATE,
  CONTINUATION,
} = frameType;
const bytes = (length: number): Uint8Array => new Uint8Array(length);
const uint32 = (value: number): Uint8Array => {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(value);
  return four;
};
const raw =
  (made: Parameters<typeof frame>[0]) =>
  (dialogue: Dialogue): void =>
    void dialogue.send(frame(made));
const goaway = (code: string, last = 0): string[] => [`goaway ${last} ${code}`];

function run(cases: readonly Case[]): void {
  test.each(cases)('$name', ({ send, heard, told }) => {
    const dialogue = Dialogue.begun();
    send(dialogue);
    expect(dialogue.heard()).toEqual(heard);
    if (told !== undefined) expect(dialogue.told).toEqual(told);
  });
}

describe('§3.4 the preface', () => {
  test('the server begins with its settings, and acknowledges those of the client', () => {
    const dialogue = new Dialogue();
    expect(dialogue.heard()).toEqual(['settings', 'window 0 +4128769']);
    dialogue.send(preface());
    expect(dialogue.frames()).toEqual([
      { type: SETTINGS, flags: flag.ACK, streamId: 0, payload: Buffer.alloc(0) },
    ]);
  });

  test.each([
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['one letter that is wrong', Buffer.concat([clientPreface.subarray(0, 23), Buffer.from('x')])],
    ['a wrong end', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r ')],
  ])('%s is refused', (_, text) => {
    const dialogue = new Dialogue();
    dialogue.heard();
    dialogue.send(text);
    expect(dialogue.heard()).toEqual(goaway('PROTOCOL_ERROR'));
  });

  test.each([
    ['PING', frame({ type: PING, payload: bytes(8) })],
    ['HEADERS', frame({ type: HEADERS, flags: 5, streamId: 1, payload: Buffer.from('828684', 'hex') })],
    ['WINDOW_UPDATE', windowUpdate(0, 1)],
    ['an acknowledgement of settings', frame({ type: SETTINGS, flags: flag.ACK })],
    ['an unknown frame', frame({ type: 0x77 })],
  ])('the first frame must not be %s', (_, first) => {
    const dialogue = new Dialogue();
    dialogue.heard();
    dialogue.send(Buffer.concat([clientPreface, first]));
    expect(dialogue.heard()).toEqual(goaway('PROTOCOL_ERROR'));
  });
});

describe('§4.1, §4.2 frames', () => {
  run([
    {
      name: 'a frame of an unknown type is ignored',
      send: raw({ type: 0x16, payload: bytes(100) }),
      heard: [],
    },
    {
      name: 'also on a stream that never was',
      send: raw({ type: 0xff, streamId: 77, flags: 0xff }),
      heard: [],
    },
    {
      name: 'unknown flags are ignored',
      send: raw({ type: PING, flags: 0xfe, payload: Buffer.from('12345678') }),
      heard: ['ping answer 12345678'],
    },
    {
      name: 'the reserved bit is ignored',
      send: (it) => it.send(frame({ type: PING, streamId: 0x8000_0000, payload: Buffer.from('12345678') })),
      heard: ['ping answer 12345678'],
    },
    {
      name: 'a frame of 16,384 bytes is taken',
      send: raw({ type: 0x16, payload: bytes(16_384) }),
      heard: [],
    },
    ...[DATA, HEADERS, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION, PRIORITY, 0x16].map(
      (type): Case => ({
        name: `a frame of type ${type} that announces 16,385 bytes is refused at once`,
        send: raw({ type, streamId: 1, length: 16_385 }),
        heard: goaway('FRAME_SIZE_ERROR'),
      }),
    ),
  ]);
});

describe('§4.3, §6.10 header blocks', () => {
  const half = (it: Dialogue): Buffer => it.block(goodRequest);
  const begin = (it: Dialogue, streamId = 1): Buffer => {
    const block = half(it);
    it.send(frame({ type: HEADERS, flags: flag.END_STREAM, streamId, payload: block.subarray(0, 5) }));
    return block.subarray(5);
  };
  run([
    {
      name: 'a header goes on in frames of its own',
      send: (it) => {
        const rest = begin(it);
        it.send(frame({ type: CONTINUATION, streamId: 1, payload: rest.subarray(0, 2) }));
        it.send(frame({ type: CONTINUATION, streamId: 1 }));
        it.send(
          frame({ type: CONTINUATION, flags: flag.END_HEADERS, streamId: 1, payload: rest.subarray(2) }),
        );
      },
      heard: [],
      told: ['request 1 :method=POST :scheme=http /a :authority=here end'],
    },
    ...(
      [
        ['DATA', frame({ type: DATA, streamId: 1 })],
        ['HEADERS', frame({ type: HEADERS, streamId: 1 })],
        ['HEADERS of another stream', frame({ type: HEADERS, streamId: 3 })],
        ['PRIORITY', frame({ type: PRIORITY, streamId: 1, payload: bytes(5) })],
        ['RST_STREAM', frame({ type: RST_STREAM, streamId: 1, payload: bytes(4) })],
        ['SETTINGS', settings()],
        ['PING', frame({ type: PING, payload: bytes(8) })],
        ['GOAWAY', frame({ type: GOAWAY, payload: bytes(8) })],
        ['WINDOW_UPDATE', windowUpdate(0, 1)],
        ['an unknown frame', frame({ type: 0x16 })],
        ['CONTINUATION of another stream', frame({ type: CONTINUATION, streamId: 3 })],
        ['CONTINUATION of no stream', frame({ type: CONTINUATION, streamId: 0 })],
      ] as const
    ).map(([name, between]): Case => ({
      name: `in the middle of a header nothing else comes: ${name}`,
      send: (it) => {
        begin(it);
        it.send(between);
      },
      heard: goaway('PROTOCOL_ERROR'),
      told: [],
    })),
    {
      name: 'CONTINUATION without HEADERS',
      send: raw({ type: CONTINUATION, flags: flag.END_HEADERS, streamId: 1 }),
      heard: goaway('PROTOCOL_ERROR'),
    },
    {
      name: 'CONTINUATION behind a header that has ended',
      send: (it) => {
        it.request(1, { isEnd: false });
        it.send(frame({ type: CONTINUATION, flags: flag.END_HEADERS, streamId: 1 }));
      },
      heard: goaway('PROTOCOL_ERROR', 1),
    },
    {
      name: 'a block that cannot be decoded ends the connection',
      send: raw({ type: HEADERS, flags: 5, streamId: 1, payload: Buffer.from('ff80', 'hex') }),
      heard: ['goaway 0 COMPRESSION_ERROR'],
    },
    {
      name: 'also that of a request that is refused',
      send: (it) => {
        it.request(1);
        it.send(frame({ type: HEADERS, flags: 5, streamId: 1, payload: Buffer.from('be', 'hex') }));
      },
      heard: goaway('COMPRESSION_ERROR', 1),
    },
    {
      name: 'a header of more than nine frames has no end',
      send: (it) => {
        begin(it);
        for (let count = 0; count < 9; count++) it.send(frame({ type: CONTINUATION, streamId: 1 }));
      },
      heard: goaway('ENHANCE_YOUR_CALM'),
    },
    {
      name: 'a header of more than 64 KiB has none, either',
      send: (it) => {
        begin(it);
        for (let count = 0; count < 4; count++) {
          it.send(frame({ type: CONTINUATION, streamId: 1, payload: bytes(16_384) }));
        }
      },
      heard: goaway('ENHANCE_YOUR_CALM'),
    },
    {
      name: 'a header list that is too large is told, without its fields',
      send: (it) => it.request(1, { fields: [...goodRequest, ['a', 'x'.repeat(40_000)]] }),
      heard: [],
      told: ['request 1 too large end'],
    },
    {
      name: 'as is one of too many fields',
      send: (it) =>
        it.request(1, {
          fields: [...goodRequest, ...Array.from({ length: 125 }, (_, n) => [`a${n}`, ''] as const)],
        }),
      heard: [],
      told: ['request 1 too large end'],
    },
  ]);
});

describe('§5.1 streams', () => {
  run([
    {
      name: 'a request without a body has ended with its header',
      send: (it) => it.request(1),
      heard: [],
      told: ['request 1 :method=POST :scheme=http /a :authority=here end'],
    },
    { name: 'no request has an even number', send: (it) => it.request(2), heard: goaway('PROTOCOL_ERROR') },
    { name: 'no request has number 0', send: (it) => it.request(0), heard: goaway('PROTOCOL_ERROR') },
    {
      name: 'numbers go up: an older one is over',
      send: (it) => it.request(5).request(3),
      heard: goaway('STREAM_CLOSED', 5),
    },
    {
      name: 'a second header of a request that has ended',
      send: (it) => it.request(1).request(1),
      heard: ['reset 1 STREAM_CLOSED'],
    },
    {
      name: 'DATA of a request that has ended',
      send: (it) => it.request(1).data(1, 1),
      heard: ['reset 1 STREAM_CLOSED'],
    },
    {
      name: 'DATA behind an answer that is complete, of a request that was, too',
      send: (it) => {
        it.request(1);
        it.stream(1).sendHeader([{ name: ':status', value: '200', isRepeated: false }], { isEnd: true });
        it.data(1, 1);
      },
      heard: ['header 1 :status=200 end', 'reset 1 STREAM_CLOSED'],
    },
    {
      name: 'a header behind both ends the connection',
      send: (it) => {
        it.request(1);
        it.stream(1).sendHeader([{ name: ':status', value: '200', isRepeated: false }], { isEnd: true });
        it.request(1);
      },
      heard: ['header 1 :status=200 end', 'goaway 1 STREAM_CLOSED'],
    },
    {
      name: 'DATA of a request that the client has broken off',
      send: (it) => {
        it.request(1, { isEnd: false }).send(frame({ type: RST_STREAM, streamId: 1, payload: uint32(8) }));
        it.data(1, 1);
      },
      heard: ['reset 1 STREAM_CLOSED'],
    },
    {
      name: 'a header of a request that the client has broken off',
      send: (it) => {
        it.request(1, { isEnd: false }).send(frame({ type: RST_STREAM, streamId: 1, payload: uint32(8) }));
        it.request(1);
      },
      heard: goaway('STREAM_CLOSED', 1),
    },
    {
      name: 'what was under way to a request that we broke off is no mistake',
      send: (it) => {
        it.request(1, { isEnd: false });
        it.stream(1).reset(0x8);
        it.data(1, 10).request(1);
        it.send(windowUpdate(1, 5)).send(frame({ type: RST_STREAM, streamId: 1, payload: uint32(0) }));
      },
      heard: ['reset 1 CANCEL'],
    },
    {
      name: 'an answer that is complete before its request asks for no more of it',
      send: (it) => {
        it.request(1, { isEnd: false });
        it.stream(1).sendHeader([{ name: ':status', value: '200', isRepeated: false }], { isEnd: true });
        it.data(1, 10, { isEnd: true });
      },
      heard: ['header 1 :status=200 end', 'reset 1 NO_ERROR'],
      told: ['request 1 :method=POST :scheme=http /a :authority=here', 'closed 1'],
    },
    { name: 'DATA on a stream that is idle', send: (it) => it.data(1, 1), heard: goaway('PROTOCOL_ERROR') },
    {
      name: 'DATA on an even stream',
      send: (it) => it.request(3).data(2, 1),
      heard: goaway('PROTOCOL_ERROR', 3),
    },
    {
      name: 'RST_STREAM on a stream that is idle',
      send: raw({ type: RST_STREAM, streamId: 1, payload: bytes(4) }),
      heard: goaway('PROTOCOL_ERROR'),
    },
    {
      name: 'WINDOW_UPDATE on a stream that is idle',
      send: (it) => it.send(windowUpdate(1, 1)),
      heard: goaway('PROTOCOL_ERROR'),
    },
    {
      name: 'PRIORITY on a stream that is idle is nothing',
      send: raw({ type: PRIORITY, streamId: 9, payload: bytes(5) }),
      heard: [],
    },
    {
      name: 'WINDOW_UPDATE, RST_STREAM and PRIORITY on a stream that is over are nothing',
      send: (it) => {
        it.request(1).send(frame({ type: RST_STREAM, streamId: 1, payload: uint32(8) }));
        it.send(windowUpdate(1, 1)).send(frame({ type: RST_STREAM, streamId: 1, payload: uint32(8) }));
        it.send(frame({ type: PRIORITY, streamId: 1, payload: bytes(5) }));
      },
      heard: [],
    },
    {
      name: 'requests beyond the limit are refused, and the client may try again',
      send: (it) => {
        for (let id = 1; id <= 2 * 1025; id += 2) it.request(id);
      },
      heard: ['reset 2049 REFUSED_STREAM'],
    },
    {
      name: 'requests behind our last are refused, those before it served',
      send: (it) => {
        it.request(1, { isEnd: false });
        it.connection.drain();
        it.request(3).data(1, 2, { isEnd: true });
      },
      heard: ['goaway 1 NO_ERROR', 'reset 3 REFUSED_STREAM'],
      told: ['request 1 :method=POST :scheme=http /a :authority=here', 'data 1 2 end'],
    },
  ]);
});

describe('§6.1 DATA', () => {
  const padded = (it: Dialogue, payload: Uint8Array): void =>
    void it
      .request(1, { isEnd: false })
      .send(frame({ type: DATA, flags: flag.PADDED, streamId: 1, payload }));
  run([
    {
      name: 'are on a stream',
      send: raw({ type: DATA, payload: bytes(1) }),
      heard: goaway('PROTOCOL_ERROR'),
    },
    {
      name: 'padding is taken off',
      send: (it) => padded(it, Buffer.from('0361620000 00'.replace(' ', ''), 'hex')),
      heard: [],
      told: ['request 1 :method=POST :scheme=http /a :authority=here', 'data 1 2'],
    },
    {
      name: 'padding may be all there is, and is no content',
      send: (it) => padded(it, Buffer.from('02 0000'.replace(' ', ''), 'hex')),
      heard: [],
      told: ['request 1 :method=POST :scheme=http /a :authority=here'],
    },
    {
      name: 'padding of the whole payload is too much',
      send: (it) => padded(it, Buffer.from('03000000', 'hex').subarray(0, 3)),
      heard: goaway('PROTOCOL_ERROR', 1),
    },
    {
      name: 'padding of more than the payload, too',
      send: (it) => padded(it, Buffer.from('ff', 'hex')),
      heard: goaway('PROTOCOL_ERROR', 1),
    },
    {
      name: 'a padded frame of nothing has a wrong size',
      send: (it) => padded(it, bytes(0)),
      heard: goaway('FRAME_SIZE_ERROR', 1),
    },
    {
      name: 'an empty frame that ends the request ends it',
      send: (it) => it.request(1, { isEnd: false }).data(1, 0, { isEnd: true }),
      heard: [],
      told: ['request 1 :method=POST :scheme=http /a :authority=here', 'data 1 0 end'],
    },
  ]);
});

describe('§6.2 HEADERS', () => {
  const send =
    (flags: number, payload: (block: Buffer) => Uint8Array) =>
    (it: Dialogue): void =>
      void it.send(
        frame({ type: HEADERS, flags: flags | 5, streamId: 1, payload: payload(it.block(goodRequest)) }),
      );
  const served = ['request 1 :method=POST :scheme=http /a :authority=here end'];
  run([
    {
      name: 'padding is taken off',
      send: send(flag.PADDED, (block) => Buffer.concat([Uint8Array.of(3), block, bytes(3)])),
      heard: [],
      told: served,
    },
    {
      name: 'a priority is taken off',
      send: send(flag.PRIORITY, (block) => Buffer.concat([bytes(5), block])),
      heard: [],
      told: served,
    },
    {
      name: 'both are taken off',
      send: send(flag.PRIORITY | flag.PADDED, (block) =>
        Buffer.concat([Uint8Array.of(2), bytes(5), block, bytes(2)]),
      ),
      heard: [],
      told: served,
    },
    {
      name: 'a priority that is cut off',
      send: send(flag.PRIORITY, () => bytes(4)),
      heard: goaway('FRAME_SIZE_ERROR'),
    },
    {
      name: 'padding of more than there is',
      send: send(flag.PADDED, () => Uint8Array.of(9, 0, 0)),
      heard: goaway('FRAME_SIZE_ERROR'),
    },
    {
      name: 'a padded frame of nothing',
      send: send(flag.PADDED, () => bytes(0)),
      heard: goaway('FRAME_SIZE_ERROR'),
    },
  ]);
});

describe('§6.3 PRIORITY', () => {
  run([
    {
      name: 'is for a stream',
      send: raw({ type: PRIORITY, payload: bytes(5) }),
      heard: goaway('PROTOCOL_ERROR'),
    },
    ...[0, 4, 6].map((size): Case => ({
      name: `of ${size} bytes ends its stream`,
      send: (it) =>
        it.request(1, { isEnd: false }).send(frame({ type: PRIORITY, streamId: 1, payload: bytes(size) })),
      heard: ['reset 1 FRAME_SIZE_ERROR'],
    })),
    {
      name: 'of five bytes changes nothing',
      send: (it) =>
        it.request(1, { isEnd: false }).send(frame({ type: PRIORITY, streamId: 1, payload: bytes(5) })),
      heard: [],
    },
  ]);
});

describe('§6.4 RST_STREAM', () => {
  run([
    {
      name: 'is for a stream',
      send: raw({ type: RST_STREAM, payload: bytes(4) }),
      heard: goaway('PROTOCOL_ERROR'),
    },
    ...[0, 3, 5].map((size): Case => ({
      name: `of ${size} bytes has a wrong size`,
      send: (it) => it.request(1).send(frame({ type: RST_STREAM, streamId: 1, payload: bytes(size) })),
      heard: goaway('FRAME_SIZE_ERROR', 1),
    })),
    {
      name: 'ends the stream, and nothing is said to it',
      send: (it) => it.request(1).send(frame({ type: RST_STREAM, streamId: 1, payload: uint32(8) })),
      heard: [],
      told: ['request 1 :method=POST :scheme=http /a :authority=here end', 'closed 1 CANCEL'],
    },
    {
      name: 'with a code that nobody knows ends it, too',
      send: (it) => it.request(1).send(frame({ type: RST_STREAM, streamId: 1, payload: uint32(0xabcd) })),
      heard: [],
      told: ['request 1 :method=POST :scheme=http /a :authority=here end', 'closed 1 43981'],
    },
  ]);
});

describe('§6.5 SETTINGS', () => {
  const say =
    (id: number, value: number) =>
    (it: Dialogue): void =>
      void it.send(settings([[id, value]]));
  run([
    {
      name: 'are on no stream',
      send: raw({ type: SETTINGS, streamId: 1 }),
      heard: goaway('PROTOCOL_ERROR'),
    },
    ...[1, 5, 7].map((size): Case => ({
      name: `of ${size} bytes have a wrong size`,
      send: raw({ type: SETTINGS, payload: bytes(size) }),
      heard: goaway('FRAME_SIZE_ERROR'),
    })),
    {
      name: 'an acknowledgement says nothing',
      send: raw({ type: SETTINGS, flags: flag.ACK, payload: bytes(6) }),
      heard: goaway('FRAME_SIZE_ERROR'),
    },
    {
      name: 'one acknowledgement is due, a second is not',
      send: (it) =>
        it.send(frame({ type: SETTINGS, flags: flag.ACK })).send(frame({ type: SETTINGS, flags: flag.ACK })),
      heard: goaway('PROTOCOL_ERROR'),
    },
    { name: 'ENABLE_PUSH may be 0', send: say(setting.ENABLE_PUSH, 0), heard: [] },
    { name: 'ENABLE_PUSH may be 1', send: say(setting.ENABLE_PUSH, 1), heard: [] },
    { name: 'ENABLE_PUSH is not 2', send: say(setting.ENABLE_PUSH, 2), heard: goaway('PROTOCOL_ERROR') },
    { name: 'INITIAL_WINDOW_SIZE may be 0', send: say(setting.INITIAL_WINDOW_SIZE, 0), heard: [] },
    {
      name: 'INITIAL_WINDOW_SIZE may be 2^31 - 1',
      send: say(setting.INITIAL_WINDOW_SIZE, 0x7fff_ffff),
      heard: [],
    },
    {
      name: 'INITIAL_WINDOW_SIZE is not 2^31',
      send: say(setting.INITIAL_WINDOW_SIZE, 0x8000_0000),
      heard: goaway('FLOW_CONTROL_ERROR'),
    },
    { name: 'MAX_FRAME_SIZE may be 16,384', send: say(setting.MAX_FRAME_SIZE, 16_384), heard: [] },
    { name: 'MAX_FRAME_SIZE may be 2^24 - 1', send: say(setting.MAX_FRAME_SIZE, 0xff_ffff), heard: [] },
    {
      name: 'MAX_FRAME_SIZE is not less',
      send: say(setting.MAX_FRAME_SIZE, 16_383),
      heard: goaway('PROTOCOL_ERROR'),
    },
    {
      name: 'MAX_FRAME_SIZE is not more',
      send: say(setting.MAX_FRAME_SIZE, 0x100_0000),
      heard: goaway('PROTOCOL_ERROR'),
    },
    {
      name: 'HEADER_TABLE_SIZE may be anything',
      send: say(setting.HEADER_TABLE_SIZE, 0xffff_ffff),
      heard: [],
    },
    { name: 'MAX_CONCURRENT_STREAMS may be 0', send: say(setting.MAX_CONCURRENT_STREAMS, 0), heard: [] },
    { name: 'what nobody knows is ignored', send: say(0xabcd, 7), heard: [] },
    {
      name: 'windows of open streams change with INITIAL_WINDOW_SIZE, also below zero',
      send: (it) => {
        it.request(1);
        it.stream(1).sendHeader([{ name: ':status', value: '200', isRepeated: false }], { isEnd: false });
        it.stream(1).sendData([bytes(65_535)], { isEnd: false });
        it.send(settings([[setting.INITIAL_WINDOW_SIZE, 1_000]]));
        it.stream(1).sendData([bytes(100)], { isEnd: true });
        // The stream owes 64,535 now; the window of the connection is empty, too.
        it.send(windowUpdate(0, 100_000))
          .send(windowUpdate(1, 64_535))
          .send(windowUpdate(1, 60))
          .send(windowUpdate(1, 60));
      },
      heard: [
        'header 1 :status=200',
        ...['data 1 16384', 'data 1 16384', 'data 1 16384', 'data 1 16383'],
        ...['data 1 60', 'data 1 40 end'],
      ],
    },
    {
      name: 'a window that becomes too wide by it ends the connection',
      send: (it) => {
        it.request(1).send(windowUpdate(1, 0x7fff_0000));
        it.send(settings([[setting.INITIAL_WINDOW_SIZE, 0x7fff_ffff]]));
      },
      heard: goaway('FLOW_CONTROL_ERROR', 1),
    },
  ]);
});

describe('§6.6 PUSH_PROMISE', () => {
  run([
    {
      name: 'comes from no client',
      send: raw({ type: PUSH_PROMISE, flags: 4, streamId: 1, payload: bytes(4) }),
      heard: goaway('PROTOCOL_ERROR'),
    },
    {
      name: 'also not on a stream that is open',
      send: (it) =>
        it.request(1, { isEnd: false }).send(frame({ type: PUSH_PROMISE, streamId: 1, payload: bytes(9) })),
      heard: goaway('PROTOCOL_ERROR', 1),
    },
  ]);
});

describe('§6.7 PING', () => {
  run([
    {
      name: 'is answered with what it said',
      send: raw({ type: PING, payload: Buffer.from('abcdefgh') }),
      heard: ['ping answer abcdefgh'],
      told: ['ping'],
    },
    {
      name: 'an answer is not answered',
      send: raw({ type: PING, flags: flag.ACK, payload: bytes(8) }),
      heard: [],
      told: ['pong'],
    },
    {
      name: 'is on no stream',
      send: raw({ type: PING, streamId: 1, payload: bytes(8) }),
      heard: goaway('PROTOCOL_ERROR'),
    },
    ...[0, 7, 9].map((size): Case => ({
      name: `of ${size} bytes has a wrong size`,
      send: raw({ type: PING, payload: bytes(size) }),
      heard: goaway('FRAME_SIZE_ERROR'),
    })),
  ]);
});

describe('§6.8 GOAWAY', () => {
  run([
    {
      name: 'lets what has begun go on',
      send: (it) =>
        it
          .request(1, { isEnd: false })
          .send(frame({ type: GOAWAY, payload: bytes(20) }))
          .data(1, 3),
      heard: [],
      told: ['request 1 :method=POST :scheme=http /a :authority=here', 'goaway', 'data 1 3'],
    },
    {
      name: 'is on no stream',
      send: raw({ type: GOAWAY, streamId: 1, payload: bytes(8) }),
      heard: goaway('PROTOCOL_ERROR'),
    },
    {
      name: 'of 7 bytes has a wrong size',
      send: raw({ type: GOAWAY, payload: bytes(7) }),
      heard: goaway('FRAME_SIZE_ERROR'),
    },
  ]);
});

describe('§6.9 flow control', () => {
  run([
    ...[0, 3, 5].map((size): Case => ({
      name: `WINDOW_UPDATE of ${size} bytes has a wrong size`,
      send: raw({ type: WINDOW_UPDATE, payload: bytes(size) }),
      heard: goaway('FRAME_SIZE_ERROR'),
    })),
    {
      name: 'by nothing, of the connection',
      send: (it) => it.send(windowUpdate(0, 0)),
      heard: goaway('PROTOCOL_ERROR'),
    },
    {
      name: 'by nothing, of a stream',
      send: (it) => it.request(1).send(windowUpdate(1, 0)),
      heard: ['reset 1 PROTOCOL_ERROR'],
    },
    {
      name: 'the connection beyond 2^31 - 1',
      send: (it) => it.send(windowUpdate(0, 0x7fff_ffff)),
      heard: goaway('FLOW_CONTROL_ERROR'),
    },
    {
      name: 'a stream beyond 2^31 - 1',
      send: (it) => it.request(1).send(windowUpdate(1, 0x7fff_ffff)),
      heard: ['reset 1 FLOW_CONTROL_ERROR'],
    },
    {
      name: 'up to 2^31 - 1 it may be',
      send: (it) =>
        it
          .request(1)
          .send(windowUpdate(1, 0x7fff_ffff - 65_535))
          .send(windowUpdate(0, 0x7fff_ffff - 65_535)),
      heard: [],
    },
    {
      name: 'the reserved bit of an increment is ignored',
      send: (it) => it.send(windowUpdate(0, 0x8000_0001)),
      heard: [],
    },
    {
      name: 'no more is sent than the window of a stream allows',
      send: (it) => {
        it.request(1);
        it.stream(1).sendData([bytes(65_536)], { isEnd: true });
        it.send(windowUpdate(0, 1_000_000));
      },
      heard: ['data 1 16384', 'data 1 16384', 'data 1 16384', 'data 1 16383'],
    },
    {
      name: 'no more than that of the connection, and streams take turns when it is wider',
      send: (it) => {
        it.send(settings([[setting.INITIAL_WINDOW_SIZE, 1_000_000]]));
        for (const id of [1, 3, 5]) it.request(id);
        it.stream(1).sendData([bytes(65_535)], { isEnd: false });
        it.heard();
        it.stream(3).sendData([bytes(40_000)], { isEnd: true });
        it.stream(5).sendData([bytes(20_000)], { isEnd: true });
        it.send(windowUpdate(0, 60_000));
      },
      heard: ['data 3 16384', 'data 5 16384', 'data 3 16384', 'data 5 3616 end', 'data 3 7232 end'],
    },
    {
      name: 'a stream that waits for its own window keeps no other waiting',
      send: (it) => {
        it.send(settings([[setting.INITIAL_WINDOW_SIZE, 10]]));
        it.request(1).request(3);
        it.stream(1).sendData([bytes(50)], { isEnd: true });
        it.stream(3).sendData([bytes(10)], { isEnd: true });
      },
      heard: ['data 1 10', 'data 3 10 end'],
    },
    {
      name: 'an end without data needs no window',
      send: (it) => {
        it.send(settings([[setting.INITIAL_WINDOW_SIZE, 0]]));
        it.request(1);
        it.stream(1).sendTrailer([{ name: 'grpc-status', value: '0', isRepeated: true }]);
      },
      heard: ['header 1 grpc-status=0 end'],
    },
    {
      name: 'the last header waits for the data before it',
      send: (it) => {
        it.send(settings([[setting.INITIAL_WINDOW_SIZE, 1]]));
        it.request(1);
        it.stream(1).sendData([bytes(2)], { isEnd: false });
        it.stream(1).sendTrailer([{ name: 'grpc-status', value: '0', isRepeated: true }]);
        it.send(windowUpdate(1, 1));
      },
      heard: ['data 1 1', 'data 1 1', 'header 1 grpc-status=0 end'],
    },
    {
      name: 'frames are as large as the client takes them',
      send: (it) => {
        it.send(settings([[setting.MAX_FRAME_SIZE, 40_000]])).request(1);
        it.stream(1).sendData([bytes(50_000)], { isEnd: true });
      },
      heard: ['data 1 40000', 'data 1 10000 end'],
    },
    {
      name: 'a stream takes 1 MiB, and says so when half of it was taken',
      send: (it) => {
        it.request(1, { isEnd: false });
        for (let count = 0; count < 33; count++) it.data(1, 16_384);
      },
      heard: ['window 1 +524288'],
    },
    {
      name: 'the connection takes 4 MiB, and says so when half of it came, whatever becomes of the streams',
      send: (it) => {
        for (let id = 1; id < 9; id += 2) {
          it.request(id, { isEnd: false });
          for (let count = 0; count < 31; count++) it.data(id, 16_384);
        }
        it.request(9, { isEnd: false });
        for (let count = 0; count < 4; count++) it.data(9, 16_384);
      },
      heard: ['window 0 +2097152'],
    },
  ]);

  test('more than a stream takes ends the stream', () => {
    const dialogue = Dialogue.begun({ streamWindow: 65_535 });
    dialogue.request(1, { isEnd: false });
    // Nobody has taken anything.
    dialogue.stream(1).acknowledge = () => {};
    for (let count = 0; count < 4; count++) dialogue.data(1, 16_384);
    expect(dialogue.heard()).toEqual(['reset 1 FLOW_CONTROL_ERROR']);
  });

  test('padding counts', () => {
    const dialogue = Dialogue.begun({ streamWindow: 65_535 });
    dialogue.request(1, { isEnd: false });
    dialogue.stream(1).acknowledge = () => {};
    const payload = bytes(257).fill(255, 0, 1);
    for (let count = 0; count < 256; count++) {
      dialogue.send(frame({ type: DATA, flags: flag.PADDED, streamId: 1, payload }));
    }
    expect(dialogue.heard()).toEqual(['reset 1 FLOW_CONTROL_ERROR']);
  });
});

describe('§8 requests', () => {
  const ask =
    (...fields: readonly (readonly [string, string])[]) =>
    (it: Dialogue): void =>
      void it.request(1, { fields });
  const without = (name: string): (readonly [string, string])[] =>
    goodRequest.filter(([one]) => one !== name);
  const malformed = (name: string, ...fields: readonly (readonly [string, string])[]): Case => ({
    name,
    send: ask(...fields),
    heard: ['reset 1 PROTOCOL_ERROR'],
    told: [],
  });
  run([
    malformed('no method', ...without(':method')),
    malformed('no scheme', ...without(':scheme')),
    malformed('no path', ...without(':path')),
    malformed('an empty path', ...without(':path'), [':path', '']),
    malformed('a path that is none', ...without(':path'), [':path', 'a/b']),
    malformed('a star for a path, but for OPTIONS', ...without(':path'), [':path', '*']),
    malformed('an empty method', ...without(':method'), [':method', '']),
    malformed('a method that is no word', ...without(':method'), [':method', 'GET /']),
    malformed('an empty scheme', ...without(':scheme'), [':scheme', '']),
    malformed('two methods', [':method', 'GET'], ...goodRequest),
    malformed('two paths', ...goodRequest, [':path', '/b']),
    malformed('two schemes', ...goodRequest, [':scheme', 'http']),
    malformed('two authorities', ...goodRequest, [':authority', 'there']),
    malformed('a field of answers', ...goodRequest, [':status', '200']),
    malformed('a pseudo-header field that nobody knows', ...goodRequest, [':protocol', 'x']),
    malformed('a pseudo-header field behind others', ...without(':path'), ['a', 'b'], [':path', '/']),
    malformed('a name in upper case', ...goodRequest, ['Content-Type', 'x']),
    malformed('a name with a space', ...goodRequest, ['a b', 'x']),
    malformed('a name with a colon', ...goodRequest, ['a:b', 'x']),
    malformed('a name with a zero', ...goodRequest, ['a\0', 'x']),
    malformed('a name that is no ASCII', ...goodRequest, ['\xe4', 'x']),
    malformed('an empty name', ...goodRequest, ['', 'x']),
    malformed('a value with a line feed', ...goodRequest, ['a', 'b\nc']),
    malformed('a value with a carriage return', ...goodRequest, ['a', 'b\rc']),
    malformed('a value with a zero', ...goodRequest, ['a', 'b\0c']),
    malformed('a value that begins with a space', ...goodRequest, ['a', ' b']),
    malformed('a value that ends with a tab', ...goodRequest, ['a', 'b\t']),
    malformed('connection', ...goodRequest, ['connection', 'close']),
    malformed('keep-alive', ...goodRequest, ['keep-alive', '1']),
    malformed('proxy-connection', ...goodRequest, ['proxy-connection', 'x']),
    malformed('transfer-encoding', ...goodRequest, ['transfer-encoding', 'chunked']),
    malformed('upgrade', ...goodRequest, ['upgrade', 'h2c']),
    malformed('te of anything but trailers', ...goodRequest, ['te', 'gzip']),
    malformed('te of trailers and more', ...goodRequest, ['te', 'trailers, gzip']),
    malformed('content-length that is no number', ...goodRequest, ['content-length', '-1']),
    malformed('two lengths', ...goodRequest, ['content-length', '1'], ['content-length', '2']),
    malformed('a length of a request without a body', ...goodRequest, ['content-length', '1']),
    malformed('CONNECT to nowhere', [':method', 'CONNECT']),
    malformed('CONNECT with a path', [':method', 'CONNECT'], [':authority', 'a:1'], [':path', '/']),
    malformed('CONNECT with a scheme', [':method', 'CONNECT'], [':authority', 'a:1'], [':scheme', 'http']),
    {
      name: 'te: trailers, bytes beyond ASCII in values, a length of nothing: all good',
      send: ask(...goodRequest, ['te', 'trailers'], ['a', '\xe4\xf6'], ['content-length', '0']),
      heard: [],
    },
    {
      name: 'OPTIONS *',
      send: ask([':method', 'OPTIONS'], [':scheme', 'http'], [':path', '*']),
      heard: [],
      told: ['request 1 :method=OPTIONS :scheme=http * end'],
    },
    {
      name: 'CONNECT',
      send: ask([':method', 'CONNECT'], [':authority', 'a:1']),
      heard: [],
      told: ['request 1 :method=CONNECT :authority=a:1 end'],
    },
    ...(
      [
        ['less than its length', '4', [3], true],
        ['more than its length', '2', [3], true],
        ['more than its length, before its end', '2', [1, 2], false],
        ['an end before its length', '2', [1, 0], true],
      ] as const
    ).map(([name, length, chunks, isEnd]): Case => ({
      name: `a body of ${name}`,
      send: (it) => {
        it.request(1, { fields: [...goodRequest, ['content-length', length]], isEnd: false });
        chunks.forEach((chunk, index) => it.data(1, chunk, { isEnd: isEnd && index === chunks.length - 1 }));
      },
      heard: ['reset 1 PROTOCOL_ERROR'],
    })),
    {
      name: 'a body of its length, in pieces',
      send: (it) => {
        it.request(1, { fields: [...goodRequest, ['content-length', '5']], isEnd: false });
        it.data(1, 2).data(1, 3, { isEnd: true });
      },
      heard: [],
    },
    {
      name: 'a trailer ends a request',
      send: (it) =>
        it
          .request(1, { isEnd: false })
          .data(1, 2)
          .request(1, { fields: [['a', 'b']] }),
      heard: [],
      told: ['request 1 :method=POST :scheme=http /a :authority=here', 'data 1 2', 'data 1 0 end'],
    },
    {
      name: 'a trailer that does not end it',
      send: (it) => it.request(1, { isEnd: false }).request(1, { fields: [['a', 'b']], isEnd: false }),
      heard: ['reset 1 PROTOCOL_ERROR'],
    },
    {
      name: 'a trailer with a pseudo-header field',
      send: (it) => it.request(1, { isEnd: false }).request(1, { fields: [[':path', '/']] }),
      heard: ['reset 1 PROTOCOL_ERROR'],
    },
    {
      name: 'a trailer with a field of connections',
      send: (it) => it.request(1, { isEnd: false }).request(1, { fields: [['connection', 'close']] }),
      heard: ['reset 1 PROTOCOL_ERROR'],
    },
    {
      name: 'a trailer before all of the length',
      send: (it) => {
        it.request(1, { fields: [...goodRequest, ['content-length', '5']], isEnd: false });
        it.data(1, 2).request(1, { fields: [['a', 'b']] });
      },
      heard: ['reset 1 PROTOCOL_ERROR'],
    },
  ]);
});

describe('§10.5 what costs without asking for anything', () => {
  const many =
    (count: number, one: Buffer) =>
    (it: Dialogue): void =>
      void it.send(Buffer.concat(Array(count).fill(one)));
  run([
    {
      name: 'pings',
      send: many(1_001, frame({ type: PING, flags: flag.ACK, payload: bytes(8) })),
      heard: goaway('ENHANCE_YOUR_CALM'),
    },
    {
      name: 'settings',
      send: (it) => {
        many(1_001, settings())(it);
      },
      heard: goaway('ENHANCE_YOUR_CALM'),
    },
    { name: 'unknown frames', send: many(30_000, frame({ type: 0x20 })), heard: goaway('ENHANCE_YOUR_CALM') },
    {
      name: 'large unknown frames',
      send: many(17, frame({ type: 0x20, payload: bytes(16_000) })),
      heard: goaway('ENHANCE_YOUR_CALM'),
    },
    {
      name: 'priorities',
      send: many(19_000, frame({ type: PRIORITY, streamId: 1, payload: bytes(5) })),
      heard: goaway('ENHANCE_YOUR_CALM'),
    },
    { name: 'windows', send: many(21_000, windowUpdate(0, 1)), heard: goaway('ENHANCE_YOUR_CALM') },
    {
      name: 'empty DATA',
      send: (it) => {
        it.request(1, { isEnd: false });
        many(30_000, frame({ type: DATA, streamId: 1 }))(it);
      },
      heard: goaway('ENHANCE_YOUR_CALM', 1),
    },
    {
      name: 'requests that are broken off at once',
      send: (it) => {
        for (let id = 1; id < 2_100; id += 2) {
          it.request(id).send(frame({ type: RST_STREAM, streamId: id, payload: uint32(8) }));
        }
      },
      heard: goaway('ENHANCE_YOUR_CALM', 2001),
    },
  ]);

  test('requests that make the server break them off', () => {
    const dialogue = Dialogue.begun();
    for (let id = 1; id < 2_100; id += 2) dialogue.request(id).send(windowUpdate(id, 0));
    expect(dialogue.heard().at(-1)).toBe('goaway 2001 ENHANCE_YOUR_CALM');
  });

  test('resets at a steady rate are nobody’s trouble', () => {
    const dialogue = Dialogue.begun();
    for (let id = 1; id < 20_000; id += 2) {
      dialogue.nowMs += 10;
      dialogue.request(id).send(frame({ type: RST_STREAM, streamId: id, payload: uint32(8) }));
    }
    expect(dialogue.error).toBeUndefined();
  });

  test('windows that answer what was sent are nobody’s trouble', () => {
    const dialogue = Dialogue.begun();
    dialogue.request(1);
    for (let count = 0; count < 40_000; count++) {
      dialogue.stream(1).sendData([bytes(1_000)], { isEnd: false });
      dialogue.connection.takeOutput();
      dialogue.send(Buffer.concat([windowUpdate(1, 1_000), windowUpdate(0, 1_000)]));
    }
    expect(dialogue.error).toBeUndefined();
  });
});

test('after a violation all requests have ended, and nothing is sent any more', () => {
  const dialogue = Dialogue.begun();
  dialogue.request(1, { isEnd: false }).request(3);
  dialogue.send(frame({ type: DATA, streamId: 0 }));
  expect(dialogue.told.slice(2)).toEqual(['closed 1 PROTOCOL_ERROR', 'closed 3 PROTOCOL_ERROR']);
  dialogue.stream(3).sendHeader([{ name: ':status', value: '200', isRepeated: false }], { isEnd: true });
  expect(dialogue.heard()).toEqual(['goaway 3 PROTOCOL_ERROR']);
  expect(dialogue.connection.isOver).toBe(true);
});

test('settings are acknowledged before anything that they allow is sent', () => {
  const dialogue = Dialogue.begun();
  dialogue.send(settings([[setting.INITIAL_WINDOW_SIZE, 0]])).request(1);
  dialogue.stream(1).sendData([bytes(10)], { isEnd: true });
  dialogue.heard();
  dialogue.send(settings([[setting.INITIAL_WINDOW_SIZE, 100]]));
  expect(dialogue.frames().map(({ type }) => type)).toEqual([SETTINGS, DATA]);
});

test('data wait while much waits for the socket, and go on when it was taken', () => {
  const dialogue = Dialogue.begun({ maxOutputBytes: 50_000 });
  dialogue.send(
    Buffer.concat([settings([[setting.INITIAL_WINDOW_SIZE, 1_000_000]]), windowUpdate(0, 1_000_000)]),
  );
  dialogue.request(1);
  dialogue.stream(1).sendData([bytes(100_000)], { isEnd: true });
  expect(dialogue.heard()).toEqual(['data 1 16384', 'data 1 16384', 'data 1 16384', 'data 1 16384']);
  dialogue.connection.pump();
  expect(dialogue.heard()).toEqual(['data 1 16384', 'data 1 16384', 'data 1 1696 end']);
});
