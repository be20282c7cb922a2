#!/usr/bin/python3
"""Requests to SEMail's admind from Python: a module and a small command.

Needs PyNaCl (Debian: python3-nacl).  The protocol is in
semail-admin-protocol(7), the requests are in semail-admind(8).

    import semail
    with semail.Admin(key, "192.0.2.1:2500") as admin:
        answer = admin.request("NEWDOM", login, password, "", "example.org")
        if answer.code != 0:
            print(answer.comment)

As a command, with the key in SEMAIL_ADMIN_KEY and, where one is needed, the
login in SEMAIL_ADMIN_LOGIN and SEMAIL_ADMIN_PASSWORD:

    semail.py HOST:PORT TYPE DOMAIN [FIELD...]

A FIELD that is "-" is read from standard input.
"""
import os
import socket
import sys

from nacl import bindings as sodium
from nacl.exceptions import CryptoError
from nacl.utils import random

MAGIC = b"SEMailA\x01"
PROLOGUE = b"semail-admin-protocol 1"
REQUEST, ANSWER, END = 1, 2, 3
TEXT_MAX = 262144
NO_ID = bytes(16)


class Lost(Exception):
    """Not reached, or cut: the request may or may not have been done."""


class Refused(Exception):
    """The key does not fit, or what answers is not admind."""


class Broken(Exception):
    """What came was changed on its way, or is no answer."""


# ---- fields ------------------------------------------------------------------

ESCAPES = {"|": "\\p", "\\": "\\\\", "\r": "\\r", "\n": "\\n", "\0": "\\0"}
LETTERS = {escape[1]: char for char, escape in ESCAPES.items()}


def escape(field):
    return "".join(ESCAPES.get(c, c) for c in field)


def unescape(field):
    out, chars = [], iter(field)
    for c in chars:
        if c == "\\":
            c = LETTERS.get(next(chars, ""))
            if c is None:
                raise Broken("an unknown escape")
        elif c in ESCAPES:
            raise Broken("a byte that should be escaped")
        out.append(c)
    return "".join(out)


def join(fields):
    return "|".join(escape(f) for f in fields)


def split(text):
    return [unescape(f) for f in text.split("|")]


class Answer:
    """code, comment, fields, and for LIST and SHOW: next, columns, rows."""

    def __init__(self, text):
        self.text = text
        self.fields = split(text)
        if len(self.fields) < 6:
            raise Broken("not an answer")
        try:
            self.code = int(self.fields[4])
        except ValueError:
            raise Broken("not a return code") from None
        self.comment = self.fields[5]
        self.next = self.fields[6] if len(self.fields) > 6 else ""
        self.columns, self.rows = [], []
        try:
            if len(self.fields) > 7:
                columns = split(self.fields[7])
                self.rows = [split(row) for row in self.fields[8:]]
                self.columns = columns
        except Broken:
            pass  # no table: a piece of an archive


# ---- keys --------------------------------------------------------------------


def blake2b(size, data, key=b""):
    return sodium.crypto_generichash_blake2b_salt_personal(
        data, digest_size=size, key=key)


class Key:
    """The line that NEWPANEL gave."""

    def __init__(self, line):
        line = line.rstrip("\r\n")
        parts = line.split(":")
        try:
            if len(parts) != 5 or parts[0] != "semail1":
                raise ValueError
            self.name = parts[1]
            self.secret, self.server = bytes.fromhex(parts[2]), bytes.fromhex(parts[3])
            said = line.rpartition(":")[0].encode("ascii")
            if len(self.secret) != 32 or len(self.server) != 32 or \
                    blake2b(32, said)[:8].hex() != parts[4]:
                raise ValueError
        except ValueError:
            raise Refused("this is no panel's key") from None
        self.public = sodium.crypto_scalarmult_base(self.secret)


# ---- the exchange ------------------------------------------------------------


def seal(key, nonce, plain):
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        plain, b"", bytes(16) + nonce.to_bytes(8, "little"), key)


def unseal(key, nonce, sealed):
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed, b"", bytes(16) + nonce.to_bytes(8, "little"), key)
    except CryptoError:
        raise Broken("it was changed on its way") from None


class Coded:
    """The panel's side of an exchange, as bytes."""

    def __init__(self, key, ephemeral=None):
        self.key = key
        self.ephemeral = ephemeral or random(32)
        self.chain = blake2b(32, PROLOGUE + key.server)
        self.sent = self.received = 0

    def mix(self, data):
        out = blake2b(64, data, self.chain)
        self.chain = out[:32]
        return out[32:]

    def hello(self):
        head = MAGIC + sodium.crypto_scalarmult_base(self.ephemeral)
        k = self.mix(head + sodium.crypto_scalarmult(self.ephemeral, self.key.server))
        name = seal(k, 0, self.key.name.encode("ascii").ljust(64, b"\0"))
        k = self.mix(name + self.key.public +
                     sodium.crypto_scalarmult(self.key.secret, self.key.server))
        self.proof = seal(k, 0, b"")
        return head + name + self.proof

    def welcome(self, data):
        theirs, tag = data[:32], data[32:]
        k = self.mix(self.proof + theirs +
                     sodium.crypto_scalarmult(self.ephemeral, theirs) +
                     sodium.crypto_scalarmult(self.key.secret, theirs))
        try:
            unseal(k, 0, tag)
        except Broken:
            raise Refused("what answers is not admind") from None
        self.recv_key = self.mix(tag)
        self.send_key = self.chain

    def seal_next(self, plain):
        self.sent += 1
        return seal(self.send_key, self.sent - 1, plain)

    def unseal_next(self, sealed):
        self.received += 1
        return unseal(self.recv_key, self.received - 1, sealed)

    def record(self, kind, body=b""):
        head = self.seal_next(bytes([kind]) + len(body).to_bytes(4, "little"))
        return head + (self.seal_next(body) if body else b"")

    def head(self, data):
        head = self.unseal_next(data)
        kind, length = head[0], int.from_bytes(head[1:], "little")
        if length > 16 + TEXT_MAX or kind not in (REQUEST, ANSWER, END):
            raise Broken("not a record")
        return kind, length


class Admin:
    """A connection; it is made when the first request needs it."""

    def __init__(self, key, where, timeout=60):
        self.key = key if isinstance(key, Key) else Key(key)
        self.where, self.timeout = where, timeout
        self.socket = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def connect(self):
        if not self.where.startswith("/"):
            host, port = self.where.rsplit(":", 1)
            return socket.create_connection((host.strip("[]"), int(port)),
                                            self.timeout)
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(self.timeout)
        s.connect(self.where)
        return s

    def dial(self):
        try:
            self.socket, self.coded = self.connect(), Coded(self.key)
        except OSError as e:
            raise Lost(f"admind cannot be reached: {e}") from None
        self.send(self.coded.hello())
        try:
            welcome = self.receive(48)
        except Lost:
            self.drop()
            raise Refused("admind does not know this key, or has too many "
                          "connections") from None
        self.coded.welcome(welcome)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as e:
            self.drop()
            raise Lost(str(e)) from None

    def receive(self, n):
        data = b""
        while len(data) < n:
            try:
                more = self.socket.recv(n - len(data))
            except OSError as e:
                self.drop()
                raise Lost(str(e)) from None
            if not more:
                self.drop()
                raise Lost("the connection was cut")
            data += more
        return data

    def drop(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def close(self):
        """Say that nothing follows, and hear the same."""
        if self.socket is None:
            return
        try:
            self.send(self.coded.record(END))
            self.coded.head(self.receive(21))
        except (Lost, Broken):
            pass
        self.drop()

    def exchange(self, text, request_id):
        if self.socket is None:
            self.dial()
        self.send(self.coded.record(REQUEST, request_id + text))
        kind, length = self.coded.head(self.receive(21))
        if kind == END:
            self.drop()
            raise Lost("admind has closed the connection")
        body = self.coded.unseal_next(self.receive(length + 16))
        if kind != ANSWER or body[:16] != request_id:
            raise Broken("an answer to something else")
        return body[16:]

    def raw(self, text, request_id=None):
        """A request as it is written. Lost is asked once more, with the same
        id: what was done is not done twice."""
        request_id = request_id or random(16)
        if len(text) > TEXT_MAX:
            raise ValueError("the request is too long")
        try:
            try:
                return self.exchange(text, request_id)
            except Lost:
                return self.exchange(text, request_id)
        except (Broken, Refused):
            self.drop()
            raise

    def request(self, kind, login="", password="", domain="", *fields,
                request_id=None):
        text = join((kind, login, password, domain) + fields)
        answer = self.raw(text.encode("utf-8", "surrogateescape"), request_id)
        return Answer(answer.decode("utf-8", "surrogateescape"))


# ---- the command -------------------------------------------------------------


def main(argv):
    env = os.environ
    if len(argv) < 4 or "SEMAIL_ADMIN_KEY" not in env:
        print(__doc__.split("\n\n", 3)[3].strip(), file=sys.stderr)
        return 64
    fields = [sys.stdin.read() if f == "-" else f for f in argv[4:]]
    try:
        with Admin(env["SEMAIL_ADMIN_KEY"], argv[1]) as admin:
            answer = admin.request(
                argv[2], env.get("SEMAIL_ADMIN_LOGIN", ""),
                env.get("SEMAIL_ADMIN_PASSWORD", ""), argv[3], *fields)
    except (Lost, Refused, Broken) as e:
        print(f"semail.py: {e}", file=sys.stderr)
        return 75 if isinstance(e, Lost) else 77
    if answer.code != 0:
        print(f"semail.py: {answer.comment} (code {answer.code})", file=sys.stderr)
        return 75 if answer.code == -2 else 1
    print(answer.comment)
    for extra in answer.fields[6:7] if not answer.columns else []:
        print(extra)
    if answer.columns:
        print("\t".join(answer.columns))
        for row in answer.rows:
            print("\t".join(row))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
