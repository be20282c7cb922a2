#!/usr/bin/python3
# Panels over TCP: keys made and deleted, logins of administrators, clients and
# mailboxes, guessing gets slower and makes nobody else wait; who stands between
# a panel and admind can cut the exchange and nothing else.
import os
import re
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir", "."), "t"))
from system import TOP, System, done_testing, is_, ok, wait_for  # noqa: E402

import semail  # noqa: E402

system = System("""semail_conf; semail_start; newdom x.test >/dev/null
newbal bob@x.test "bob's password" >/dev/null || exit 1
echo "port=$admin_port" """)
PORT = int(system.said["port"])
WHERE = f"127.0.0.1:{PORT}"
with open(f"{system.dir}/run/ctl/admin.key", encoding="ascii") as f:
    LOCAL = f.read()


def command(*args, stdin=""):
    status, out, err = system.semail("admin", *args, stdin=stdin)
    return status, (out + err).strip()


def newpanel(name, *more):
    status, out = command("newpanel", name, *more)
    return next((word for word in out.split() if word.startswith("semail1:")),
                f"{status} {out}")


class Elsewhere(semail.Admin):
    """Each from another address, so that failures are not counted together."""
    last = 0

    def connect(self):
        Elsewhere.last += 1
        return socket.create_connection(
            ("127.0.0.1", PORT), self.timeout,
            (f"127.0.1.{Elsewhere.last % 250 + 1}", 0))


def ask(kind, *fields, login="", password="", domain="", key=None,
        admin=Elsewhere):
    with admin(key or KEY, WHERE) as admin:
        return admin.request(kind, login, password, domain, *fields)


def refused(key, why):
    try:
        ask("STAT", key=key)
        ok(False, why)
    except semail.Refused:
        ok(True, why)


# ---- keys ----------------------------------------------------------------------
KEY = newpanel("hosting-1", "--comment", "the first | panel")
ok(semail.Key(KEY).name == "hosting-1", "newpanel prints a key", KEY)
status, out = command("newpanel", "hosting-1")
ok(status == 1 and "exists" in out, "a name is there once", out)
status, out = command("newpanel", "Hosting:1")
ok(status == 1 and "-7" in out, "not every name is good", out)
status, out = command("newpanel", "local")
ok(status == 1 and "-3" in out, "nor is local", out)
status, out = command("listpanel", "--json")
ok('"panel":"hosting-1"' in out and '"comment":"the first | panel"' in out,
   "listpanel", out)
ok(semail.Key(KEY).public.hex() in out, "tells its public key")
ok(semail.Key(KEY).secret.hex() not in out, "and not its secret")
with semail.Admin(LOCAL, f"{system.dir}/run/ctl/admind") as admin:
    lost = bytes(range(16))
    one = admin.request("NEWPANEL", "", "", "", "twice", request_id=lost)
    two = admin.request("NEWPANEL", "", "", "", "twice", request_id=lost)
    three = admin.request("NEWPANEL", "", "", "", "twice")
    is_((one.code, two.code, three.code), (0, 0, -6), "a retry, and no retry")
    is_(ask("STAT", key=two.fields[6]).code, -3, "the retry's key is good")
    refused(one.fields[6], "the lost one is not")
refused(LOCAL, "the local panel is not for TCP")

# ---- logins ---------------------------------------------------------------------
answer = ask("STAT")
is_((answer.code, answer.comment),
    (-3, "over TCP a request needs a client login and password"), "no login")
is_(ask("STAT", password="x").code, -1, "a password without a login")
is_(ask("STAT", login="admin").code, -3, "the seeded administrator has no password")
status, out = command("passadmin", "admin", "--password", "-", stdin="ad|min\\pw\n")
is_(status, 0, "now it has one")
ADMIN = {"login": "admin", "password": "ad|min\\pw"}
is_(ask("STAT", **ADMIN).code, 0, "an administrator")
is_(ask("STAT", login="Admin", password="ad|min\\pw").code, -3, "not in capitals")
status, out = command("newclient", "--login", "admin", "--login-password", "-",
                      "--password", "-", "jane", stdin="ad|min\\pw\njane's\n")
is_(status, 0, "the command takes a login, too", )
JANE = {"login": "jane", "password": "jane's"}
is_(ask("NEWDOM", "jane.test", **JANE).code, 0, "a client makes a domain")
is_(ask("NEWBAL", "a", "pw", *[""] * 11, domain="x.test", **JANE).code, -4,
    "and does not see another's")
is_(ask("LISTPANEL", **JANE).comment, "this login may not do this",
    "panels are not a client's business")
BOB = {"login": "bob@x.test", "password": "bob's password"}
is_(ask("NEWDOM", "bob.test", **BOB).comment, "this login may not do this",
    "a mailbox's login is known, and may do little")
is_(ask("NEWDOM", "bob.test", login="BOB@X.test",
        password="bob's password").comment, "this login may not do this",
    "however it is written")
wrong = "wrong client login or password"
for login in "admin", "jane", "bob@x.test", "nobody", "nobody@x.test":
    is_(ask("STAT", login=login, password="wrong").comment, wrong,
        f"a wrong password of {login}")
is_(ask("STAT", login="x" * 321, password="y").code, -1, "a login too long")
is_(ask("STAT", login="a\nb", password="y").code, -1, "of two lines")

cp = subprocess.run(
    [os.path.join(os.environ["SEMAIL_PREFIX"], "sbin/semail"), "-f",
     f"{system.dir}/semail.conf", "admin", "--json", "--server", WHERE,
     "--login", "jane", "--login-password", "-", "listdom"],
    input="jane's\n", text=True, capture_output=True, check=False,
    env=dict(os.environ, SEMAIL_ADMIN_KEY=KEY))
ok(cp.returncode == 0 and "jane.test" in cp.stdout,
   "the command over TCP", cp.stdout + cp.stderr)
keyfile = f"{system.dir}/panel.key"
with open(keyfile, "w", encoding="ascii") as f:
    f.write(KEY + "\n")
status, out = command("--server", WHERE, "--key-file", keyfile, "--login",
                      "jane", "--login-password", "-", "listdom",
                      stdin="jane's\n")
ok(status == 0 and "jane.test" in out, "with the key in a file", out)

log = system.log()
ok(re.search(r'admin type="?NEWDOM"? who="?jane"? ', log), "the log says who")
ok(re.search(r'admin login-denied remote="?127\.0\.1\.\d+"? name="?nobody"?', log),
   "and who was refused")
ok("jane's" not in log and "min\\pw" not in log, "and no password")

# ---- guessing -------------------------------------------------------------------


def timed(**who):
    start = time.monotonic()
    answer = ask("STAT", **who)
    return time.monotonic() - start, answer.code


quick = min(timed(**JANE)[0] for _ in range(3))
ok(quick < 0.05, f"a password known from a moment ago is quick ({quick:.3f} s)")
times = [timed(login="jane", password="wrong")[0] for _ in range(5)]
ok(times[-1] > 1.5, f"guessing a login gets slower ({times[-1]:.2f} s)")
times = [timed(login=f"n{i}", password="x", admin=semail.Admin)[0]
         for i in range(5)]
ok(times[-1] > 1.5, f"and so from one address ({times[-1]:.2f} s)")
took, code = timed(**JANE)
ok(code == 0 and took < 1, f"the right password is taken at once ({took:.3f} s)")

# Many passwords to check, and somebody who needs none checked.
with semail.Admin(KEY, WHERE) as admin:
    admin.request("STAT", **JANE)
    guessers = [threading.Thread(
        target=ask, args=("STAT",),
        kwargs={"login": f"nobody{i}", "password": "x"}) for i in range(16)]
    for g in guessers:
        g.start()
    worst = 0
    while any(g.is_alive() for g in guessers):
        start = time.monotonic()
        if admin.request("STAT", **JANE).code != 0:
            worst = 99
        worst = max(worst, time.monotonic() - start)
    ok(worst < 0.5, f"16 guessers make nobody wait ({worst:.3f} s)")

# ---- connections -----------------------------------------------------------------
many = []
for _ in range(40):
    s = socket.create_connection(("127.0.0.1", PORT))
    s.settimeout(0.2)
    many.append(s)


def is_closed(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


is_(sum(is_closed(s) for s in many), 8, "of forty connections 32 stay")
for s in many:
    s.close()
ok(wait_for(5, lambda: ask("STAT", **JANE).code == 0), "and when they go others come")

doomed = newpanel("doomed")
a = semail.Admin(doomed, WHERE)
b = semail.Admin(doomed, WHERE)
is_((a.request("STAT", **JANE).code, b.request("STAT", **ADMIN).code), (0, 0),
    "two connections of a panel")
gone = b.request("DELPANEL", ADMIN["login"], ADMIN["password"], "", "doomed")
is_((gone.code, gone.comment), (0, "the panel has been deleted"),
    "it deletes itself and is answered")
for c in a, b:
    is_(c.coded.head(c.receive(21)), (semail.END, 0), "then its connection ends")
    ok(c.socket.recv(1) == b"", "and is closed")
refused(doomed, "and it gets no other")
is_(command("delpanel", "doomed")[0], 0, "deleted once more")
is_(command("delpanel", "never")[0], 1, "what never was")

# ---- somebody in the middle ---------------------------------------------------------
class Middle:
    """Passes bytes on; the nth of one direction is changed, or the last."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.where = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()
        self.side = self.flip = self.cut = None
        self.count = 0

    def run(self):
        while True:
            c, _ = self.listener.accept()
            s = socket.create_connection(("127.0.0.1", PORT))
            self.count = 0
            for side, a, b in (("to", c, s), ("from", s, c)):
                threading.Thread(target=self.copy, args=(side, a, b),
                                 daemon=True).start()

    def copy(self, side, a, b):
        done = 0
        try:
            while data := bytearray(a.recv(65536)):
                if side == self.side and self.flip is not None and \
                        done <= self.flip < done + len(data):
                    data[self.flip - done] ^= 1 << self.flip % 8
                if side == self.side and self.cut is not None and \
                        done + len(data) > self.cut:
                    data = data[:self.cut - done]
                done += len(data)
                if side == "from":
                    self.count = done  # before anybody can have it
                b.sendall(data)
                if side == self.side and done == self.cut:
                    break
        except OSError:
            pass
        for s in a, b:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


middle = Middle()
text = semail.join(("STAT", "jane", "jane's", ""))
with semail.Admin(KEY, middle.where) as admin:
    good = admin.request("STAT", **JANE)
is_(good.code, 0, "through somebody who only looks")
total = middle.count


def by_python():
    try:
        admin = semail.Admin(KEY, middle.where, timeout=5)
        admin.dial()
        admin.exchange(text.encode(), semail.random(16))
        return "an answer"
    except (semail.Lost, semail.Refused, semail.Broken) as e:
        return type(e).__name__


# The library's own caller: one request, what semail_admin_call() returns.
tool = f"{system.dir}/tool"
with open(f"{tool}.c", "w", encoding="ascii") as f:
    f.write("""#include <semail/admin.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char *argv[])
{
	struct semail_admin *a = semail_admin_new(getenv("KEY"), argv[1]);
	int r;
	if (a == NULL)
		return 1;
	semail_admin_timeout(a, 5000);
	semail_admin_begin(a, argv[2], argv[3], argv[4], argv[5]);
	for (int i = 6; i < argc; i++)
		semail_admin_add(a, argv[i]);
	r = semail_admin_call(a);
	printf("%d %s\\n", r, semail_admin_comment(a));
	for (size_t i = 0; i < semail_admin_rows(a); i++)
		printf("%s=%s\\n", semail_admin_cell(a, i, 0, NULL),
		    semail_admin_cell(a, i, semail_admin_columns(a) - 1, NULL));
	semail_admin_free(a);
	return 0;
}
""")
prefix = os.environ["SEMAIL_PREFIX"]
flags = subprocess.run(
    ["pkg-config", "--static", "--cflags", "--libs",
     f"--define-variable=prefix={prefix}", "semail-admin"], text=True,
    capture_output=True, check=False,
    env=dict(os.environ, PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig"))
sanitize = ["-fsanitize=address,undefined"] if "SEMAIL_SANITIZED" in os.environ else []
cc = subprocess.run(["cc", *sanitize, "-Wall", "-Werror", "-o", tool, f"{tool}.c",
                     *flags.stdout.split()], text=True, capture_output=True,
                    check=False)
is_((flags.stderr, cc.stderr), ("", ""), "a program with the installed library")


def by_c(*args, where=WHERE, key=KEY):
    return subprocess.run([tool, where, *args], env=dict(os.environ, KEY=key),
                          text=True, capture_output=True, check=False).stdout


JANES = ("jane", "jane's")
ok(by_c("STAT", *JANES, "").startswith("0 "), "asks")
ok("\njane.test=" in by_c("LISTDOM", *JANES, ""), "reads a table")
is_(by_c("NEWDOM", *JANES, "", "a|b").split()[0], "-7", "is refused")
is_(by_c("STAT", *JANES, "", key=doomed).split()[0], "2", "without a key")
is_(by_c("STAT", *JANES, "", where="127.0.0.1:1").split()[0], "1", "nobody there")

# Everything that comes from admind, a bit in each byte; then cut after each.
middle.side = "from"
answers = {"an answer": 0}
for i in range(total - 21):
    middle.flip = i
    what = by_python()
    answers[what] = answers.get(what, 0) + 1
is_(answers["an answer"], 0, f"any byte of an answer changed: {answers}")
bad = [i for i in range(0, total - 21, 3)
       if setattr(middle, "flip", i) or
       by_c("STAT", *JANES, "", where=middle.where).startswith("0 ")]
is_(bad, [], "the same for the C library")
middle.flip = None
bad = []
for i in range(0, total - 21, 2):
    middle.cut = i
    if by_python() == "an answer" or \
            by_c("STAT", *JANES, "", where=middle.where).split()[0] not in "12":
        bad.append(i)
is_(bad, [], "cut anywhere")
middle.cut = None
ok(by_c("STAT", *JANES, "", where=middle.where).startswith("0 "), "and as it is")

# The answer is lost, the library asks again: it is done once.
with semail.Admin(KEY, middle.where) as admin:
    admin.request("STAT", **JANE)
    middle.side, middle.cut = "from", middle.count + 30
    answer = admin.request("NEWDOM", "jane", "jane's", "", "lost.test")
    is_(answer.code, 0, "an answer that was cut is asked for again")

system.stop()
done_testing()
