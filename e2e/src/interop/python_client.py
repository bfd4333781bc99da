"""Calls of a member by gRPC for Python, with bytes for messages; prints what came of them as JSON.

python3 python_client.py PORT [CA_FILE]
"""

import json
import sys

import grpc

RANGE = "/etcdserverpb.KV/Range"
PUT = "/etcdserverpb.KV/Put"
WATCH = "/etcdserverpb.Watch/Watch"


def field(number, value):
    """One field of a message: bytes, or a number."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def open_channel(port, ca_file, options=()):
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    # Channels of the same options would share a connection.
    own = [("grpc.use_local_subchannel_pool", 1)]
    target = f"127.0.0.1:{port}"
    every = unlimited + own + list(options)
    if ca_file is None:
        return grpc.insecure_channel(target, every)
    with open(ca_file, "rb") as file:
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(file.read()), every)


def outcome(call):
    try:
        return call()
    except grpc.RpcError as error:
        return [error.code().name, error.details()]


def sizes(channel):
    """Values come back as they were put, whatever their size."""
    same = []
    for size in [0, 1, 100, 16_379, 16_384, 65_535, 70_000, 1_400_000]:
        value = bytes(index % 251 for index in range(min(size, 1_000))) * (size // 1_000 + 1)
        value = value[:size]
        channel.unary_unary(PUT)(field(1, b"size") + field(2, value), timeout=60)
        answer = channel.unary_unary(RANGE)(field(1, b"size"), timeout=60)
        same.append(size if value in answer and len(answer) < size + 200 else -size)
    return same


def large_answer(channel):
    for index in range(8):
        channel.unary_unary(PUT)(field(1, b"large/%d" % index) + field(2, b"x" * 1_400_000), timeout=60)
    answer = channel.unary_unary(RANGE)(field(1, b"large/") + field(2, b"large0"), timeout=120)
    return answer.count(b"x" * 1_400_000)


def compressed(channel):
    request = field(1, b"packed") + field(2, b"p" * 100_000)
    channel.unary_unary(PUT)(request, timeout=60, compression=grpc.Compression.Gzip)
    return channel.unary_unary(RANGE)(field(1, b"packed"), timeout=60).count(b"p" * 100_000)


def metadata(channel):
    several = [("a", "1"), ("a", "2"), ("some-bin", b"\x00\xff"), ("long", "l" * 8_000)]
    answer, call = channel.unary_unary(RANGE).with_call(field(1, b"none"), timeout=60, metadata=several)
    return [len(answer) > 0, call.code().name]


def at_once(channel):
    calls = [channel.unary_unary(PUT).future(field(1, b"at-once/%d" % index), timeout=60) for index in range(300)]
    return sum(1 for call in calls if call.result() is not None)


def watch(channel):
    """A watch is told of all puts; ended by its client, it is cancelled."""
    requests = [field(1, field(1, b"watched/") + field(2, b"watched0"))]
    stream = channel.stream_stream(WATCH)(endless(requests), timeout=60)
    next(stream)  # It is there.
    for index in range(50):
        channel.unary_unary(PUT)(field(1, b"watched/%02d" % index), timeout=60)
    events = 0
    while events < 50:
        events += next(stream).count(b"watched/")
    stream.cancel()
    return [events, stream.code().name]


def endless(requests):
    yield from requests
    while True:
        pause.wait(60)
        return


def half_closed(channel):
    """Keep-alives are answered although the client says at once that no more come."""
    granted = channel.unary_unary("/etcdserverpb.Lease/LeaseGrant")(field(1, 60), timeout=60)
    lease = granted[granted.index(b"\x10") :].split(b"\x18")[0]
    renewal = bytes([0x08]) + lease[1:]
    answers = channel.stream_stream("/etcdserverpb.Lease/LeaseKeepAlive")(iter([renewal, renewal]), timeout=60)
    return len(list(answers))


def snapshot(channel):
    parts = channel.unary_stream("/etcdserverpb.Maintenance/Snapshot")(b"", timeout=120)
    return sum(len(part) for part in parts) > 11_000_000


def deadline(channel):
    stream = channel.stream_stream(WATCH)(endless([field(1, field(1, b"silent"))]), timeout=0.5)
    return outcome(lambda: [len(message) for message in stream])[0]


def refusals(channel):
    def call(path, request, **options):
        return outcome(lambda: len(channel.unary_unary(path)(request, timeout=60, **options)))

    return {
        "unknown method": call("/etcdserverpb.KV/None", b""),
        "unknown service": call("/nobody.None/None", b""),
        "large": call(PUT, field(1, b"a") + field(2, b"x" * 1_600_000)),
        "larger": call(PUT, field(1, b"a") + field(2, b"x" * 3_000_000)),
        "no key": call(PUT, b""),
    }


SCENARIOS = [sizes, large_answer, compressed, metadata, at_once, watch, half_closed, deadline, refusals, snapshot]

#: Channels by their options: as gRPC has them, and as narrow as they go.
KINDS = {
    "usual": [],
    "narrow": [
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 1_024),
        ("grpc.http2.hpack_table_size.decoder", 0),
        ("grpc.http2.hpack_table_size.encoder", 0),
        ("grpc.http2.max_frame_size", 16_384),
    ],
}


def main(port, ca_file=None):
    results = {}
    for kind, options in KINDS.items():
        with open_channel(port, ca_file, options) as channel:
            results[kind] = {scenario.__name__: outcome(lambda: scenario(channel)) for scenario in SCENARIOS}
    print(json.dumps(results))


if __name__ == "__main__":
    import threading

    pause = threading.Event()
    main(*sys.argv[1:])
