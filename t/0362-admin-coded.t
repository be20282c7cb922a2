#!/usr/bin/python3
# The coded exchange against a live admind: byte by byte and all at once; and
# whatever is wrong with it (key, order, a bit, an end) closes the connection,
# and nothing of it is done.
import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir", "."), "t"))
from system import System, done_testing, is_, ok, wait_for  # noqa: E402

import semail  # noqa: E402

system = System("semail_conf; semail_start; newdom first.test >/dev/null")
PATH = f"{system.dir}/run/ctl/admind"
with open(f"{system.dir}/run/ctl/admin.key", encoding="ascii") as f:
    KEY = semail.Key(f.read())


class Raw:
    """A connection whose bytes we make ourselves."""

    def __init__(self, key=KEY, shake=True):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(PATH)
        self.coded = semail.Coded(key)
        self.hello = self.coded.hello()
        if shake:
            self.s.sendall(self.hello)
            self.coded.welcome(self.receive(48))

    def receive(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def send(self, data):
        try:
            self.s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def request(self, *fields, request_id=semail.NO_ID):
        return self.coded.record(semail.REQUEST,
                                 request_id + semail.join(fields).encode())

    def answer(self):
        _, n = self.coded.head(self.receive(21))
        return self.coded.unseal_next(self.receive(n + 16))[16:].decode()

    def is_closed(self):
        try:
            return self.s.recv(1) == b""
        except ConnectionResetError:
            return True


def requests_done():
    return len(re.findall(r"admin type=", system.log()))


# ---- as it should be ---------------------------------------------------------
slow = Raw(shake=False)  # never says anything
raw = Raw()
for byte in raw.request("NEWDOM", "", "", "y.test", "y.test"):
    raw.send(bytes([byte]))
is_(raw.answer(), "NEWDOM|||y.test|0|the domain has been made", "byte by byte")
raw.send(b"".join(raw.request("NEWDOM", "", "", f"z{i}.test", f"z{i}.test")
                  for i in range(20)))
for i in range(20):
    is_(raw.answer(), f"NEWDOM|||z{i}.test|0|the domain has been made",
        f"pipelined {i}")
raw.send(raw.request("NEW|DOM", "a\\b", "", "x\ny", "q"))
ok(raw.answer().startswith("NEW\\pDOM|a\\\\b||x\\ny|-"),
   "fields come back as they were")
raw.send(raw.coded.record(semail.REQUEST, semail.NO_ID))
ok(raw.answer().startswith("||||-1|"), "an empty request")
raw.send(raw.request(*[""] * 700))
ok(raw.answer().startswith("||||-1|"), "too many fields")
raw.send(raw.coded.record(semail.REQUEST, semail.NO_ID + b"|" + b"x" * 262143))
ok(raw.answer().startswith("||||-1|"), "the longest request")
raw.send(raw.coded.record(semail.REQUEST, semail.NO_ID + b"NEWDOM|||\n"))
ok(raw.answer().startswith("||||-1|"), "a line end in a field")
raw.send(raw.coded.record(semail.END))
is_(raw.coded.head(raw.receive(21)), (semail.END, 0), "our end is answered")
ok(raw.is_closed(), "and that is all")

with semail.Admin(KEY, PATH) as admin:
    answer = admin.request("NEWDOM", "", "", "", "module.test")
    is_((answer.code, answer.comment), (0, "the domain has been made"),
        "the Python module")
    admin.socket.shutdown(socket.SHUT_RDWR)
    is_(admin.request("NEWDOM", "", "", "", "module.test").code, 0,
        "and again, over a new connection by itself")

# ---- as it should not ----------------------------------------------------------
before = requests_done()


def refused(what, send, key=KEY, shake=True):
    """send(raw) says something wrong; the connection is closed for it."""
    raw = Raw(key, shake)
    send(raw)
    return ok(raw.is_closed(), what)


def other(**more):
    key = semail.Key.__new__(semail.Key)
    key.__dict__.update(KEY.__dict__, **more)
    key.public = semail.sodium.crypto_scalarmult_base(key.secret)
    return key


def bad_request(raw):
    return raw.request("NEWDOM", "", "", "bad.test", "bad.test")


refused("another protocol", lambda r: r.send(b"GET / HTTP/1.0\r\n"), shake=False)
refused("another version",
        lambda r: r.send(r.hello[:7] + b"\2" + r.hello[8:]), shake=False)
refused("a wrong secret", lambda r: r.send(r.hello),
        key=other(secret=b"\7" * 32), shake=False)
refused("the key of another server", lambda r: r.send(r.hello),
        key=other(server=semail.sodium.crypto_scalarmult_base(b"\7" * 32)),
        shake=False)
refused("an unknown panel", lambda r: r.send(r.hello),
        key=other(name="nobody"), shake=False)
refused("too long a record",
        lambda r: r.send(r.coded.seal_next(b"\1" + (16 + 262145).to_bytes(4, "little"))))
refused("an answer instead of a request",
        lambda r: r.send(r.coded.record(semail.ANSWER, bytes(20))))
refused("a record of no type", lambda r: r.send(r.coded.record(9, bytes(20))))


def swapped(r):
    one, two = bad_request(r), bad_request(r)
    r.send(two + one)


refused("two records the wrong way round", swapped)


def twice(r):
    one = r.request("of one field")
    r.send(one)
    r.answer()
    r.send(one)


refused("a record twice", twice)


def without_first(r):
    bad_request(r)
    r.send(bad_request(r))


refused("a record left out", without_first)

# All bytes of an exchange once more, on another connection.
first = Raw()
said = first.hello + first.request("NEWDOM", "", "", "once.test", "once.test")
first.send(said[136:])
ok("|0|" in first.answer(), "a request")
before += 1
again = Raw(shake=False)
again.send(said[:136])
is_(len(again.receive(48)), 48, "a replay is welcomed")
again.send(said[136:])
ok(again.is_closed(), "but no request of it is taken")
refused("nor when it comes at once", lambda r: r.send(said), shake=False)

# Each byte with a bit changed; cut after each byte.
length = len(bad_request(Raw()))
good = True
for i in range(136):
    raw = Raw(shake=False)
    raw.send(raw.hello[:i] + bytes([raw.hello[i] ^ 1]) + raw.hello[i + 1:])
    good = raw.is_closed() and good
    raw.s.close()
ok(good, "any byte of the hello changed")
good = True
for i in range(length):
    raw = Raw()
    data = bytearray(bad_request(raw))
    data[i] ^= 1 << i % 8
    raw.send(bytes(data))
    good = raw.is_closed() and good
    raw.s.close()
ok(good, "any byte of a record changed")
for i in range(length):
    raw = Raw()
    raw.send(bad_request(raw)[:i])
    raw.s.shutdown(socket.SHUT_WR)
    good = raw.is_closed() and good
    raw.s.close()
ok(good, "cut after any byte")

many = [Raw(shake=False) for _ in range(100)]
with semail.Admin(KEY, PATH) as admin:
    ok(admin.request("NEWDOM", "", "", "", "y.test").code == 0,
       "a hundred silent connections stop nobody")
before += 1
del many
is_(requests_done(), before, "nothing of all that was done")
log = system.log()
for reason in ("another protocol, or another version of it",
               "hello is not for us, or changed", "not the panel's key",
               "there is no such panel"):
    ok(f'reason="{reason}"' in log, f"logged: {reason}")
ok(len(re.findall("panel refused from=", log)) <= 100, "but not each of them")
ok(wait_for(15, slow.is_closed), "who says nothing is not waited for long")

system.stop()
done_testing()
