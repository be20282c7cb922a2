#!/usr/bin/python3
# A mailbox's mail as a tar archive, and back: while mail comes and goes, whoever
# dies meanwhile, whatever the archive holds; by the command and by panels.
import io
import json
import os
import poplib
import signal
import smtplib
import subprocess
import sys
import tarfile
import threading

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir", "."), "t"))
from system import System, done_testing, is_, ok, wait_for  # noqa: E402

import semail  # noqa: E402

system = System("""semail_conf "plaintext-login loopback"; semail_start
newdom x.test >/dev/null; newdom y.test >/dev/null
for l in bob ann tiny trap; do newbal $l@x.test secret >/dev/null || exit 1; done
echo "smtp=$smtp_port"; echo "pop3=$pop3_port"; echo "admin=$admin_port" """)
T = system.dir
PREFIX = os.environ["SEMAIL_PREFIX"]


def command(*args, data=b"", **more):
    """semail admin: status, output, errors; all bytes."""
    r = subprocess.run([f"{PREFIX}/sbin/semail", "-f", f"{T}/semail.conf",
                        "admin", *args], input=data, capture_output=True,
                       check=False, timeout=300, **more)
    return r.returncode, r.stdout, r.stderr


def start(*args, **more):
    return subprocess.Popen([f"{PREFIX}/sbin/semail", "-f", f"{T}/semail.conf",
                             "admin", *args], stderr=subprocess.PIPE, **more)


def maildir(login, *more):
    return os.path.join(f"{T}/state/mail/x.test/{login}/Maildir", *more)


def mail(login):
    """PATH below Maildir: (bytes, time) of each message."""
    found = {}
    for top, dirs, files in os.walk(maildir(login)):
        if os.path.basename(top) in ("new", "cur"):
            for name in files:
                path = os.path.join(top, name)
                with open(path, "rb") as f:
                    found[os.path.relpath(path, maildir(login))] = (
                        f.read(), int(os.stat(path).st_mtime))
    return found


def unique(paths):
    """The names that never change."""
    return sorted(p.split("/")[-1].split(",")[0].split(":")[0] for p in paths)


def archived(archive):
    """The same of an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {m.name[len("Maildir/"):]: (tar.extractfile(m).read(),
                                           int(m.mtime))
                for m in tar if not m.name.endswith("/maildirfolder")}


def send(login, texts):
    with smtplib.SMTP("127.0.0.1", int(system.said["smtp"])) as s:
        for text in texts:
            s.sendmail("s@y.test", f"{login}@x.test", text)


def has(login, n):
    return wait_for(60, lambda: len(mail(login)) >= n)


def uidl(login):
    p = poplib.POP3("127.0.0.1", int(system.said["pop3"]), timeout=30)
    p.user(f"{login}@x.test")
    p.pass_("secret")
    lines = sorted(line.split()[1] for line in p.uidl()[1])
    p.quit()
    return lines


def counted(login):
    """Bytes and messages that maildirsize says."""
    with open(maildir(login, "maildirsize"), encoding="ascii") as f:
        lines = [line.split() for line in f][1:]
    return (sum(int(x[0]) for x in lines), sum(int(x[1]) for x in lines))


def children(name):
    """Process ids of this system's workers or daemons."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                comm, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        found.append((int(pid), comm, int(rest.split()[1])))
    ours = {int(system.semail_pid)}
    for _ in range(3):
        ours |= {pid for pid, _, parent in found if parent in ours}
    return [pid for pid, comm, _ in found if pid in ours and
            comm == name[:15]]


def kill(name):
    pids = children(name)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return bool(pids)


with open(f"{T}/run/semaild.pid", encoding="ascii") as pid_file:
    system.semail_pid = pid_file.read()

# ---- a mailbox of all kinds of mail ----------------------------------------------
send("bob", [f"Subject: {i}\r\n\r\n" + f"line {i} |\\ \r\n" * (i * 7 % 400)
             for i in range(300)])
send("bob", ["Subject: large\r\n\r\n" + ("x" * 70 + "\r\n") * 290000])
ok(has("bob", 301), "three hundred messages, and a large one")
for i, (path, _) in enumerate(sorted(mail("bob").items())[:100]):
    os.rename(maildir("bob", path), maildir("bob", "cur", os.path.basename(path)
              + ":2," + ["S", "RS", "F", ""][i % 4]))
owner = os.stat(maildir("bob"))
for name in ".Sent", ".Empty":
    for sub in "", "cur", "new", "tmp":
        os.mkdir(maildir("bob", name, sub), 0o700)
        os.chown(maildir("bob", name, sub), owner.st_uid, owner.st_gid)
for name in (".Sent/cur/1700000000.M1P2.elsewhere:2,S", "new/" + "n" * 120 +
             ".elsewhere", "cur/" + "m" * 200 + ".elsewhere:2,FS"):
    with open(maildir("bob", name), "wb") as message:
        message.write(b"Subject: other\n\n\0\xff\r\r\n")
    os.chown(maildir("bob", name), owner.st_uid, owner.st_gid)
    os.utime(maildir("bob", name), (1600000000, 1600000000))
uidl_before = uidl("bob")
before = mail("bob")

# ---- to standard output, to a file -------------------------------------------------
status, archive, said = command("backup", "bob@x.test")
is_((status, said), (0, b""), "backup to standard output")
is_(archived(archive), before, "has every message, its name, flags, time, bytes")
tar = subprocess.run(["tar", "-tvf", "-"], input=archive, check=False,
                     capture_output=True)
is_((tar.returncode, tar.stderr), (0, b""), "tar reads it")
is_(tar.stdout.count(b"\n"), 304 + 2, "all of it")
ok(b"Maildir/.Empty/maildirfolder" in tar.stdout, "an empty folder, too")
status, said, errors = command("backup", "bob@x.test", f"{T}/bob.tar")
is_((status, errors), (0, b""), "backup to a file")
ok(said.startswith(b"304 messages of "), "says how many", said)
with open(f"{T}/bob.tar", "rb") as saved:
    is_(saved.read(), archive, "which has the same")
is_(os.stat(f"{T}/bob.tar").st_mode & 0o777, 0o600, "and is nobody else's")
is_([f for f in os.listdir(T) if ".part" in f], [], "under its name alone")
status, said, errors = command("--json", "backup", "bob@x.test",
                               f"{T}/bob.tar")
is_((status, json.loads(said)["code"]), (0, 0), "again, as JSON")
status, said, errors = command("backup", "bob@x.test", "/nowhere/at/all")
ok(status == 65 and b"No such file" in errors, "a file that cannot be", errors)
status, said, errors = command("backup", "nobody@x.test", f"{T}/no.tar")
is_((status, errors), (1, b"semail: there is no mailbox nobody in x.test "
                       b"(code -5)\n"), "no such mailbox")
is_([f for f in os.listdir(T) if f.startswith("no.tar")], [],
    "leaves nothing")
os.mkfifo(f"{T}/fifo")
with open(f"{T}/fifo.tar", "wb") as saved:
    cat = subprocess.Popen(["cat", f"{T}/fifo"], stdout=saved)
status, said, errors = command("backup", "bob@x.test", f"{T}/fifo")
cat.wait()
with open(f"{T}/fifo.tar", "rb") as saved:
    is_((status, saved.read()), (0, archive), "a pipe is written to")
tty = subprocess.run(["script", "-qec", f"{PREFIX}/sbin/semail -f "
                      f"{T}/semail.conf admin backup bob@x.test",
                      "/dev/null"], capture_output=True, check=False,
                     stdin=subprocess.DEVNULL)
ok(b"nothing for a terminal" in tty.stdout and tty.returncode == 64,
   "no archive to a terminal", tty.stdout[:200])

# ---- while mail comes and goes ------------------------------------------------------
stop = threading.Event()


def coming():
    i = 0
    while not stop.is_set() and i < 300:
        send("bob", [f"Subject: new\r\n\r\n{i}\r\n"])
        i += 1


def going(gone):
    p = poplib.POP3("127.0.0.1", int(system.said["pop3"]), timeout=30)
    p.user("bob@x.test")
    p.pass_("secret")
    names = [line.split()[1].decode() for line in p.uidl()[1]]
    p.retr(150)
    for n in range(100, 140):
        p.dele(n)
        gone.append(names[n - 1])
    p.quit()


gone = []
thread = threading.Thread(target=coming)
thread.start()
backup = start("backup", "bob@x.test", stdout=subprocess.PIPE)
archive2 = backup.stdout.read(1 << 20)
going(gone)
archive2 += backup.stdout.read()
is_((backup.wait(), backup.stderr.read()), (0, b""),
    "a backup while POP3 deletes and mail comes")
stop.set()
thread.join()
names = unique(archived(archive2))
is_(len(names), len(set(names)), "no message is in it twice")
missing = set(unique(before)) - set(names)
is_(missing - set(gone), set(), "none is missing but what was deleted")
is_([n for n, c in archived(archive2).items() if c[0] == b""], [],
    "and none is empty")

# ---- gone, and back ------------------------------------------------------------------
is_(command("setbal", "bob@x.test", "--quota", "0")[0], 0, "no quota")
is_(command("delbal", "bob@x.test")[0], 0, "the mailbox is deleted")
is_(command("newbal", "bob@x.test", "--password", "-", data=b"secret")[0], 0,
    "and made anew")
is_(mail("bob"), {}, "empty")
status, said, errors = command("restore", "bob@x.test", f"{T}/bob.tar")
is_((status, said), (0, b"304 messages restored, 0 were there already\n"),
    "restored")
after = mail("bob")
is_(unique(after), unique(before), "all are there")
is_(sorted(after.values()), sorted(before.values()), "their bytes and times")
is_({p for p in before if "elsewhere" not in p} - set(after), set(),
    "to the last flag")
ok(os.path.exists(maildir("bob", ".Empty/maildirfolder")), "folders, too")
is_(len(uidl_before), 303, "those of INBOX have a UIDL")
is_(uidl("bob"), uidl_before, "which is the same as before")
is_(os.listdir(maildir("bob", "tmp")), [], "nothing is left in tmp/")
status, said, errors = command("restore", "bob@x.test", data=archive)
is_((status, said), (0, b"0 messages restored, 304 were there already\n"),
    "restored twice, from standard input: nothing is added")
is_(unique(mail("bob")), unique(before), "nor changed")
wait_for(10, lambda: counted("bob")[1] == 304)
is_(counted("bob"), (sum(len(b) for b, _ in after.values()), 304),
    "maildirsize counts them")
status, said, errors = command("audit", "--object", "bob@x.test", "--json")
is_((said.count(b'"BACKUPBAL"'), said.count(b'"RESTOREBAL"')), (5, 2),
    "one row in the audit log for each")

# ---- a full mailbox -------------------------------------------------------------------
command("setbal", "tiny@x.test", "--quota", "200")
status, said, errors = command("restore", "tiny@x.test", f"{T}/bob.tar")
ok(status == 1 and b"its quota is used up" in errors and b"(code -8)" in errors,
   "a restore over quota is refused", errors)
some = mail("tiny")
ok(0 < len(some) < 304 and set(some.values()) <= set(before.values()),
   "what fits is there", len(some))
ok(sum(len(b) for b, _ in some.values()) <= 200 * 1024, "and not more")
command("setbal", "tiny@x.test", "--quota", "0")
status, said, errors = command("restore", "tiny@x.test", f"{T}/bob.tar")
ok(said.startswith(b"%d messages restored, %d were there" %
                   (304 - len(some), len(some))), "the rest follows", said)
is_(sorted(mail("tiny").values()), sorted(before.values()), "all of it")

# ---- a disabled one --------------------------------------------------------------------
command("disablebal", "tiny@x.test")
status, said, errors = command("backup", "tiny@x.test")
is_((status, len(archived(said))), (0, 304), "a disabled mailbox")
command("enablebal", "tiny@x.test")
command("purgebal", "tiny@x.test")


# ---- who dies meanwhile ------------------------------------------------------------------
def cut_backup(victim):
    """The pipe is full, so it is in the middle."""
    backup = start("backup", "bob@x.test", stdout=subprocess.PIPE)
    out = backup.stdout.read(4096)
    ok(kill(victim), f"{victim} is killed in the middle of a backup")
    out += backup.stdout.read()
    return backup.wait(), backup.stderr.read(), out


for victim in "semail-box-worker", "semail-spawnd":
    status, errors, out = cut_backup(victim)
    ok(status == 1 and b"begin anew" in errors and b"not whole" in errors,
       "which is said", (status, errors))
    ok(wait_for(30, lambda: command("backup", "bob@x.test",
                                    f"{T}/again.tar")[0] == 0),
       "again it is done")
    with open(f"{T}/again.tar", "rb") as saved:
        is_(archived(saved.read()), mail("bob"), "and whole")
status, errors, out = cut_backup("semail-admind")
is_((status, archived(out)), (0, mail("bob")),
    "admind's death is waited for: the archive is whole")


def cut_restore(victim):
    restore = start("restore", "tiny@x.test", stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE)
    half = archive[:len(archive) // 2]
    restore.stdin.write(half)
    restore.stdin.flush()
    ok(kill(victim), f"{victim} is killed in the middle of a restore")
    try:
        restore.stdin.write(archive[len(half):])
        restore.stdin.close()
    except BrokenPipeError:
        pass
    return restore.wait(), restore.stdout.read(), restore.stderr.read()


for victim in "semail-box-worker", "semail-spawnd":
    status, said, errors = cut_restore(victim)
    ok(status == 1 and b"begin anew" in errors, "which is said", errors)
    ok(set(mail("tiny").values()) <= set(before.values()),
       "only whole messages are there", len(mail("tiny")))
    ok(wait_for(30, lambda: command("restore", "tiny@x.test",
                                    f"{T}/bob.tar")[0] == 0), "again")
    is_(sorted(mail("tiny").values()), sorted(before.values()), "all of it")
    is_(os.listdir(maildir("tiny", "tmp")), [], "nothing is left in tmp/")
    command("purgebal", "tiny@x.test")
status, said, errors = cut_restore("semail-admind")
is_((status, said), (0, b"304 messages restored, 0 were there already\n"),
    "admind's death is waited for")
is_(sorted(mail("tiny").values()), sorted(before.values()), "all of it")
os.remove(f"{T}/again.tar")


# ---- archives full of traps ----------------------------------------------------------------
def make(entries, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, kind, content in entries:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def everything():
    found = []
    for top, dirs, files in os.walk(f"{T}/state/mail"):
        found += [os.path.join(top, f) for f in files if f != "maildirsize"]
        found += [os.path.join(top, d) for d in dirs
                  if os.path.islink(os.path.join(top, d))]
    return sorted(found)


FILE = tarfile.REGTYPE
traps = [("Maildir/cur/link:2,", tarfile.SYMTYPE, "/etc/passwd"),
         ("Maildir/cur/hard", tarfile.LNKTYPE, "/etc/passwd"),
         ("Maildir/.Link", tarfile.SYMTYPE, "../../bob/Maildir"),
         ("Maildir/.Link/cur/through:2,", FILE, b"x"),
         ("Maildir/cur/pipe", tarfile.FIFOTYPE, b""),
         ("Maildir/cur/device", tarfile.CHRTYPE, b""),
         ("/tmp/absolute", FILE, b"x"), ("../up", FILE, b"x"),
         ("Maildir/cur/../../../bob/up", FILE, b"x"),
         ("Maildir/../../bob/Maildir/new/up", FILE, b"x"),
         (".forward", FILE, b"|rm"), ("Maildir/maildirsize", FILE, b"1S\n"),
         ("Maildir/new/" + "l" * 300, FILE, b"x"),
         ("Maildir/new/" + "d/" * 200 + "x", FILE, b"x"),
         ("Maildir/new/a\nb", FILE, b"x"), ("Maildir/new/.hidden", FILE, b"x"),
         ("Maildir/cur/good:2,S", FILE, b"good\n")]
outside = everything()
for form in tarfile.PAX_FORMAT, tarfile.GNU_FORMAT:
    status, said, errors = command("restore", "trap@x.test",
                                   data=make(traps, form))
    ok(status == 0 and b" 15 entries skipped, the first: Maildir/cur/link:2, "
       b"(a link)" in said, "an archive full of traps", said + errors)
    is_([p for p in everything() if p not in outside],
        [maildir("trap", ".Link/cur/through,S=1,W=3:2,"),
         maildir("trap", ".Link/maildirfolder"),
         maildir("trap", "cur/good,S=5,W=6:2,S")],
        "its messages are in the mailbox, and nothing else anywhere")
good = make([("Maildir/cur/whole:2,", FILE, b"whole\n"),
             ("Maildir/cur/half:2,", FILE, b"y" * 5000)])
huge = bytearray(make([("cur/huge", FILE, b"x")], tarfile.USTAR_FORMAT))
huge[124:136] = b"77777777777\0"
huge[148:156] = b"%06o\0 " % (sum(huge[:148]) + 8 * 32 + sum(huge[156:512]))
for name, text, why in (
        ("cut short", good[:3000], b"it is cut short"),
        ("without its end", good[:512 * 3], b"it is cut short"),
        ("of nothing", b"", b"it is cut short"),
        ("of garbage", os.urandom(5000), b"it is no tar archive"),
        ("compressed", b"\x1f\x8b\x08" + bytes(5000), b"it is compressed"),
        ("of a huge message", bytes(huge), b"it is cut short")):
    status, said, errors = command("restore", "trap@x.test", data=text)
    ok(status == 1 and why in errors and b"(code -7)" in errors,
       f"an archive {name}", errors)
is_(sorted(len(b) for b, _ in mail("trap").values()), [1, 5, 6],
    "leaves what was whole in it")
is_(os.listdir(maildir("trap", "tmp")), [], "and nothing in tmp/")
ok(wait_for(10, lambda: children("semail-box-worker") != []),
   "the worker has survived it all")

# ---- panels, over TCP ------------------------------------------------------------------------
KEY = next(w for w in command("newpanel", "p")[1].decode().split()
           if w.startswith("semail1:"))
for n in "1", "2":
    command("newclient", f"c{n}", "--password", "-", data=b"pw")
command("moddom", "x.test", "--client", "c1")
command("moddom", "y.test", "--client", "c2")


def pieces(admin, login, box="trap"):
    out, after = b"", ""
    while True:
        a = admin.request("BACKUPBAL", login, "pw", "x.test", box,
                          *([f"after={after}"] if after else []))
        if a.code != 0:
            return a.code, a.comment
        out += a.fields[7].encode("utf-8", "surrogateescape")
        after = a.fields[6]
        if not after:
            return 0, out


with semail.Admin(KEY, f"127.0.0.1:{system.said['admin']}") as panel:
    code, out = pieces(panel, "c1")
    is_((code, archived(out)), (0, mail("trap")), "a panel's client")
    is_(pieces(panel, "c2"), (-4, "there is no domain x.test"),
        "another's sees nothing")
    is_(panel.request("BACKUPBAL", "trap@x.test", "secret", "x.test",
                      "trap").code, 0, "a mailbox's own login")
    is_(panel.request("BACKUPBAL", "trap@x.test", "secret", "x.test",
                      "bob").code, -5, "and not another's mail")
    is_(panel.request("RESTOREBAL", "c2", "pw", "x.test", "bob", "data=x",
                      "end=yes").code, -4, "nor is it written by others")
    first = panel.request("BACKUPBAL", "c1", "pw", "x.test", "bob")
    second = panel.request("BACKUPBAL", "c1", "pw", "x.test", "bob",
                           f"after={first.fields[6]}")
    again = panel.request("BACKUPBAL", "c1", "pw", "x.test", "bob",
                          f"after={first.fields[6]}")
    is_(again.fields, second.fields, "a lost piece may be asked for again")
    is_(panel.request("BACKUPBAL", "c1", "pw", "x.test", "bob").code, 0,
        "a new one begins")
    a = panel.request("BACKUPBAL", "c1", "pw", "x.test", "bob",
                      f"after={second.fields[6]}")
    is_((a.code, a.comment), (-11, "this backup was interrupted, or another "
                              "has taken its place: begin anew"),
        "and ends the one before")
    is_(panel.request("BACKUPBAL", "c1", "pw", "x.test", "bob",
                      "after=1").code, -7, "a cursor that is none")
    a = panel.request("RESTOREBAL", "c1", "pw", "x.test", "tiny",
                      "data=" + "x" * (120 * 1024 + 1))
    is_(a.code, -7, "a piece too long")
    # Every piece twice, as if each answer had been lost once.
    command("purgebal", "tiny@x.test")
    text, after = out.decode("utf-8", "surrogateescape"), ""
    for at in range(0, len(text), 777):
        args = [f"data={text[at:at + 777]}"]
        args += [f"after={after}"] if after else []
        args += ["end=yes"] if at + 777 >= len(text) else []
        a = panel.request("RESTOREBAL", "c1", "pw", "x.test", "tiny", *args)
        if after:
            b = panel.request("RESTOREBAL", "c1", "pw", "x.test", "tiny",
                              *args)
            if a.fields != b.fields or a.code != 0:
                ok(False, "the same twice", (a.fields, b.fields))
        after = a.fields[6]
    is_((a.code, a.comment), (0, "3 messages restored, 0 were there already"),
        "each piece given twice")
    is_(mail("tiny"), mail("trap"), "and restored once")
status, said, errors = command(
    "--server", f"127.0.0.1:{system.said['admin']}", "--key-file", "/dev/null",
    "backup", "bob@x.test")
is_(status, 78, "a key that is none")
with open(f"{T}/panel.key", "w", encoding="ascii") as key_file:
    key_file.write(KEY + "\n")
with open(f"{T}/password", "w", encoding="ascii") as password_file:
    password_file.write("pw\n")
there = ["--server", f"127.0.0.1:{system.said['admin']}", "--key-file",
         f"{T}/panel.key", "--login", "c1"]
status, said, errors = command(*there, "backup", "bob@x.test",
                               "--login-password", "-", data=b"pw\n")
is_((status, archived(said) if status == 0 else errors), (0, mail("bob")),
    "the command from elsewhere")
status, out, errors = command(*there, "restore", "tiny@x.test",
                              "--login-password-file", f"{T}/password",
                              data=said)
is_((status, out), (0, b"304 messages restored, 0 were there already\n"),
    "and back")
status, out, errors = command(*there, "restore", "tiny@x.test",
                              "--login-password", "-", data=b"pw\n")
ok(status == 64 and b"standard input is the archive" in errors,
   "a password is no archive", errors)
with open(f"{T}/semail.log", encoding="utf-8") as log:
    lines = [line for line in log if 'type="BACKUPBAL"' in line]
ok(0 < len(lines) < 60, "the log has no line for every piece", len(lines))
system.stop()
done_testing()
