#!/usr/bin/python3
# kill -9 of admind, authd, spawnd and mariadbd at each step of each request
# that changes something: afterwards database, authd, homes and text files
# agree, and the panel's retry gets the right answer.
#
# A step is a system call that others can see (t/cut.c). A seeded sample of them
# here (SEED, POINTS); SEMAIL_CRASH=full goes through n = 1, 2, ... of each
# request and victim until the request is answered before the nth (make
# check-crash).
import json
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir", "."), "t"))
from directory import Directory, read  # noqa: E402
from system import System, done_testing, is_, ok, wait_for  # noqa: E402

import semail  # noqa: E402

PREFIX = os.environ.get("SEMAIL_PREFIX", "build/inst")
CUT = os.path.join(os.environ.get("SEMAIL_BUILD", PREFIX + "/.."), "t/cut")
FULL = os.environ.get("SEMAIL_CRASH") == "full"
POINTS = int(os.environ.get("POINTS", "40"))
SEED = int(os.environ.get("SEED", "1"))
ONLY = sys.argv[1:]  # requests, by hand
for missing, why in (
        (os.geteuid() != 0, "tracing other users' processes needs root"),
        ("SEMAIL_SANITIZED" in os.environ,
         "tracing and the leak checker exclude each other"),
        (not os.access(CUT, os.X_OK), f"{CUT} is not built")):
    if missing:
        print(f"1..0 # SKIP {why}")
        sys.exit(0)

# ---- the requests ----------------------------------------------------------------
# In all texts X is a name that no other point has, and N the number that the
# last request before answered. WANT is what the SQL must give afterwards, and:
#   mail   what RCPT TO is answered: an address and how the reply begins
#   lines  what the text files have: file, line (passwd: two parts of it), is it
#          there
#   home   files in X's home and what they hold; None: not there
#   gone   homes that are not there
#   login  a mailbox and its password
#   mine   only the same id is the same request: what one with another id gets

SHA512 = ("$6$saltsal1$sON0Q47kJpR0Z4EW/HghEluV7RHKGN9vwkk9CJQVsanKvyvA"
          "8pryGQMyoxh4WdJ/dwEuGPytfGYW5MHSEvJTl0")  # of "password"; it has no X
BOX = ("SELECT Ba_Etat, Ba_Effet, Ba_Quota, Ba_Forward, Ba_TelSMS, "
       "COALESCE(Ba_Vacances, ''), COALESCE(Ba_LoginCourt, '') FROM BAL WHERE "
       "Ba_Login = 'X'")
NEWBAL = ("NEWBAL", "k.test", "X", "pw-X")
SET = ("5000", "yes", "eve@else.test,X@k.test", "+336", "urgent",
       "sms@else.test", "account", "secret", "Away.", "sX")
SET_WANT = [["ACTIVE", "0", "5000", "eve@else.test,X@k.test", "+336", "Away.",
             "sX"]]
PLAIN_WANT = [["ACTIVE", "0", "0", "", "", "", ""]]
PASSWD = ("passwd", "X@k.test:x:|:/usr/sbin/nologin")
DOM = ("SELECT COUNT(*), SUM(Do_Etat = 'SUPPRESSION') FROM Domaine WHERE "
       "Do_NomDomaine = 'X.test'")


def numbers(table, where):
    return f"SELECT COUNT(*) FROM {table} WHERE {where}"


REQUESTS = [
    # ---- the panel's ten
    dict(request=NEWBAL + ("Bob X",) + SET, sql=BOX, want=SET_WANT,
         mail=[("X@k.test", "250")],
         lines=[("passwd", "X@k.test:x:|:Bob X:", True)],
         home={".forward": "eve@else.test\nX@k.test\n", ".vacation.msg": "Away."},
         login=("X@k.test", "pw-X")),
    dict(before=[NEWBAL + ("Bob X",)],
         request=("MODBAL", "k.test", "X", "new-X", "") + SET, sql=BOX,
         want=SET_WANT, mail=[("X@k.test", "250")],
         lines=[("passwd", "X@k.test:x:|:Bob X:", True)],
         home={".forward": "eve@else.test\nX@k.test\n", ".vacation.msg": "Away."},
         login=("X@k.test", "new-X")),
    dict(name="MODBAL to nothing", before=[NEWBAL + ("Bob X",) + SET],
         request=("MODBAL", "k.test", "X"), sql=BOX,
         want=PLAIN_WANT, mail=[("X@k.test", "250")], lines=[(*PASSWD, True)],
         home={".forward": None, ".vacation.msg": None},
         login=("X@k.test", "pw-X")),
    dict(before=[NEWBAL + ("Bob X",) + SET,
                 ("NEWVIRT", "k.test", "vX", "", "X")],
         request=("DELBAL", "k.test", "X"),
         sql=numbers("BAL", "Ba_Login = 'X'"), want=[["0"]],
         mail=[("X@k.test", "550"), ("vX@k.test", "550")],
         lines=[(*PASSWD, False), ("virtual", "vX@k.test  X@k.test", False)],
         gone=["k.test/X"]),
    dict(before=[NEWBAL], mailed=True, request=("PURGEBAL", "k.test", "X"),
         sql=BOX, want=PLAIN_WANT, mail=[("X@k.test", "250")],
         lines=[(*PASSWD, True)], home={"Maildir/new/1.before.X": None}),
    dict(before=[NEWBAL], request=("NEWALIAS", "k.test", "aX", "X,e@else.test"),
         sql="SELECT Al_ListeEmail FROM Alias WHERE Al_Nom = 'aX'",
         want=[["X,e@else.test"]], mail=[("aX@k.test", "250")],
         lines=[("aliases", "aX: X,e@else.test", True)]),
    dict(before=[("NEWALIAS", "k.test", "aX", "e@else.test"),
                 ("NEWVIRT", "k.test", "vX", "", "aX")],
         request=("DELALIAS", "k.test", "aX"),
         sql="SELECT (SELECT COUNT(*) FROM Alias WHERE Al_Nom = 'aX'), (SELECT "
             "COUNT(*) FROM VirtualUser WHERE Vi_UtilisateurVirtuel = 'vX')",
         want=[["0", "0"]], mail=[("aX@k.test", "550"), ("vX@k.test", "550")],
         lines=[("aliases", "aX: e@else.test", False),
                ("virtual", "vX@k.test  aX", False)]),
    dict(before=[NEWBAL], request=("NEWVIRT", "k.test", "vX", "", "X"),
         sql=numbers("VirtualUser", "Vi_UtilisateurVirtuel = 'vX'"),
         want=[["1"]], mail=[("vX@k.test", "250")],
         lines=[("virtual", "vX@k.test  X", True)]),
    dict(before=[NEWBAL, ("NEWVIRT", "k.test", "vX", "", "X")],
         request=("DELVIRT", "k.test", "vX"),
         sql=numbers("VirtualUser", "Vi_UtilisateurVirtuel = 'vX'"),
         want=[["0"]], mail=[("vX@k.test", "550")],
         lines=[("virtual", "vX@k.test  X", False)]),
    dict(request=("NEWDOM", "", "X.test"), sql=DOM, want=[["1", "0"]],
         mail=[("nobody@X.test", "550 5.1")]),
    dict(before=[("NEWDOM", "", "X.test"),
                 ("NEWALIAS", "X.test", "aX", "e@else.test"),
                 ("NEWVIRT", "X.test", "vX", "", "e", "else.test")],
         request=("DELDOM", "", "X.test"), sql=DOM, want=[["0", "NULL"]],
         mail=[("nobody@X.test", "550 5.7")],
         lines=[("aliases", "aX: e@else.test", False),
                ("virtual", "vX@X.test  e@else.test", False)]),
    dict(name="DELDOM force",
         before=[("NEWDOM", "", "X.test"), ("NEWBAL", "X.test", "m", "pw"),
                 ("NEWBAL", "X.test", "n", "pw"),
                 ("NEWALIAS", "X.test", "aX", "m"),
                 ("NEWVIRT", "X.test", "vX", "", "m"),
                 ("NEWVIRT", "k.test", "wX", "", "aX")],
         request=("DELDOM", "", "X.test", "force=yes"), sql=DOM,
         want=[["0", "NULL"]],
         mail=[("m@X.test", "550 5.7"), ("wX@k.test", "550")],
         lines=[("aliases", "aX: m", False), ("virtual", "vX@X.test  m", False),
                ("virtual", "wX@k.test  aX", False),
                ("passwd", "m@X.test:x:|:/usr/sbin/nologin", False)],
         gone=["X.test/m", "X.test/n"]),
    # ---- mailboxes
    dict(before=[NEWBAL], request=("SETBAL", "k.test", "X", "comment=New X",
                                   "forward=eve@else.test", "quota=77"),
         sql=BOX, want=[["ACTIVE", "0", "77", "eve@else.test", "", "", ""]],
         mail=[("X@k.test", "250")],
         lines=[("passwd", "X@k.test:x:|:New X:", True)],
         home={".forward": "eve@else.test\n", ".vacation.msg": None}),
    dict(before=[NEWBAL], request=("PASSWD", "k.test", "X", "new-X"), sql=BOX,
         want=PLAIN_WANT, mail=[("X@k.test", "250")], lines=[(*PASSWD, True)],
         login=("X@k.test", "new-X")),
    dict(before=[NEWBAL], request=("DISABLEBAL", "k.test", "X"), sql=BOX,
         want=[["DESACTIVEE", "0", "0", "", "", "", ""]],
         mail=[("X@k.test", "45")], lines=[(*PASSWD, True)]),
    dict(before=[NEWBAL, ("DISABLEBAL", "k.test", "X")],
         request=("ENABLEBAL", "k.test", "X"), sql=BOX, want=PLAIN_WANT,
         mail=[("X@k.test", "250")], lines=[(*PASSWD, True)],
         login=("X@k.test", "pw-X")),
    dict(request=("IMPORTBAL", "k.test", "X", "hash=" + SHA512, "quota=5000",
                  "vacation=Away."), sql=BOX,
         want=[["ACTIVE", "0", "5000", "", "", "Away.", ""]],
         mail=[("X@k.test", "250")], lines=[(*PASSWD, True)],
         home={".forward": None, ".vacation.msg": "Away."},
         login=("X@k.test", "password")),
    dict(before=[NEWBAL], mine=-6,
         request=("NEWAPP", "k.test", "X", "phone", "services=pop3"),
         sql=numbers("Identifiant JOIN BAL ON Ba_IdBAL = Id_IdBAL",
                     "Ba_Login = 'X' AND Id_Type = 2"),
         want=[["1"]], login=("X@k.test", None)),
    dict(before=[NEWBAL, ("NEWAPP", "k.test", "X", "phone")],
         request=("DELAPP", "k.test", "X", "phone"),
         sql=numbers("Identifiant JOIN BAL ON Ba_IdBAL = Id_IdBAL",
                     "Ba_Login = 'X' AND Id_Type = 2"),
         want=[["0"]], login=("X@k.test", "pw-X")),
    # ---- domains, aliases, virtual users
    dict(before=[("NEWDOM", "", "X.test")],
         request=("MODDOM", "", "X.test", "quota=700", "max=7", "comment=c"),
         sql="SELECT Do_QuotaMail, Do_MaxMail, Do_Commentaire FROM Domaine "
             "WHERE Do_NomDomaine = 'X.test'", want=[["700", "7", "c"]],
         mail=[("nobody@X.test", "550 5.1")]),
    dict(before=[("NEWALIAS", "k.test", "aX", "e@else.test")],
         request=("MODALIAS", "k.test", "aX", "list=f@else.test"),
         sql="SELECT Al_ListeEmail FROM Alias WHERE Al_Nom = 'aX'",
         want=[["f@else.test"]], mail=[("aX@k.test", "250")],
         lines=[("aliases", "aX: f@else.test", True),
                ("aliases", "aX: e@else.test", False)]),
    dict(before=[("NEWVIRT", "k.test", "vX", "", "e", "else.test")],
         request=("MODVIRT", "k.test", "vX", "", "real=f",
                  "real-domain=else.test"),
         sql="SELECT Vi_UtilisateurReel FROM VirtualUser WHERE "
             "Vi_UtilisateurVirtuel = 'vX'", want=[["f"]],
         mail=[("vX@k.test", "250")],
         lines=[("virtual", "vX@k.test  f@else.test", True),
                ("virtual", "vX@k.test  e@else.test", False)]),
    # ---- users, clients, companies, administrators, servers, panels
    dict(request=("NEWUSER", "", "local", "name=X"),
         sql=numbers("Utilisateur", "Ut_Nom = 'X'"), want=[["1"]]),
    dict(before=[("NEWUSER", "", "local", "name=X")],
         request=("MODUSER", "", "N", "phone=1"),
         sql="SELECT Ut_NumTelFixe FROM Utilisateur WHERE Ut_Nom = 'X'",
         want=[["1"]]),
    dict(before=[("NEWUSER", "", "local", "name=X")],
         request=("DELUSER", "", "N"),
         sql=numbers("Utilisateur", "Ut_Nom = 'X'"), want=[["0"]]),
    dict(request=("NEWCLIENT", "", "cX", "password=pw", "name=n",
                  "sms-account=aX", "sms-password=s"),
         sql="SELECT Cl_Nom, Cl_CompteSMS FROM Client WHERE Cl_Login = 'cX'",
         want=[["n", "aX"]]),
    dict(before=[("NEWCLIENT", "", "cX", "password=pw")],
         request=("MODCLIENT", "", "cX", "name=n", "first-name=f"),
         sql="SELECT Cl_Nom, Cl_Prenom FROM Client WHERE Cl_Login = 'cX'",
         want=[["n", "f"]]),
    dict(before=[("NEWCLIENT", "", "cX")],
         request=("PASSCLIENT", "", "cX", "new"),
         sql=numbers("Client", "Cl_Login = 'cX' AND Cl_Password <> ''"),
         want=[["1"]]),
    dict(before=[("NEWCLIENT", "", "cX")], request=("DELCLIENT", "", "cX"),
         sql=numbers("Client", "Cl_Login = 'cX'"), want=[["0"]]),
    dict(request=("NEWCOMPANY", "", "X", "phone=1"),
         sql=numbers("Societe", "So_Nom = 'X'"), want=[["1"]]),
    dict(before=[("NEWCOMPANY", "", "X")],
         request=("MODCOMPANY", "", "N", "phone=1"),
         sql="SELECT So_Telephone FROM Societe WHERE So_Nom = 'X'",
         want=[["1"]]),
    dict(before=[("NEWCOMPANY", "", "X")], request=("DELCOMPANY", "", "N"),
         sql=numbers("Societe", "So_Nom = 'X'"), want=[["0"]]),
    dict(request=("NEWADMIN", "", "dX", "password=pw", "all=no"),
         sql="SELECT Ad_Tout FROM Administrateur WHERE Ad_Login = 'dX'",
         want=[["NON"]]),
    dict(before=[("NEWADMIN", "", "dX")],
         request=("MODADMIN", "", "dX", "name=n"),
         sql="SELECT Ad_Nom FROM Administrateur WHERE Ad_Login = 'dX'",
         want=[["n"]]),
    dict(before=[("NEWADMIN", "", "dX")],
         request=("PASSADMIN", "", "dX", "new"),
         sql=numbers("Administrateur", "Ad_Login = 'dX' AND Ad_Password <> ''"),
         want=[["1"]]),
    dict(before=[("NEWADMIN", "", "dX")], request=("DELADMIN", "", "dX"),
         sql=numbers("Administrateur", "Ad_Login = 'dX'"), want=[["0"]]),
    dict(request=("NEWSERVER", "", "sX", "address=192.0.2.1"),
         sql="SELECT Se_Adresse FROM ServeurMail WHERE Se_Nom = 'sX'",
         want=[["192.0.2.1"]]),
    dict(before=[("NEWSERVER", "", "sX")],
         request=("MODSERVER", "", "sX", "server-type=POP"),
         sql="SELECT Se_TypeServeur FROM ServeurMail WHERE Se_Nom = 'sX'",
         want=[["POP"]]),
    dict(before=[("NEWSERVER", "", "sX")], request=("DELSERVER", "", "sX"),
         sql=numbers("ServeurMail", "Se_Nom = 'sX'"), want=[["0"]]),
    dict(request=("NEWPANEL", "", "X", "comment=c"), mine=-6, key=True,
         sql=numbers("Panneau", "Pa_Nom = 'X'"), want=[["1"]]),
    dict(before=[("NEWPANEL", "", "X")], request=("DELPANEL", "", "X"),
         sql=numbers("Panneau", "Pa_Nom = 'X'"), want=[["0"]]),
]
VICTIMS = ("admind", "authd", "spawnd", "mariadbd")

# ---- the system ------------------------------------------------------------------

system = System("""semail_conf "plaintext-login loopback"; semail_start
newdom k.test >/dev/null || exit 1
echo "smtp=$smtp_port"; echo "pop3=$pop3_port" """)
here = Directory(system)
RUN, STATE = here.run, here.state
with open(f"{RUN}/ctl/admin.key", encoding="ascii") as key_file:
    admin = semail.Admin(key_file.read(), f"{RUN}/ctl/admind", 60)


def pids():
    """Of those that are ready."""
    _, out, _ = system.semail("status", "--json")
    try:
        return {r["role"]: r["pid"] for r in json.loads(out)["roles"]
                if r["state"] == "ready" and r["instance"] == 0}
    except (ValueError, KeyError):
        return {}


def once(fields, request_id):
    """One try: an answer, or None if it was lost."""
    kind, domain, *rest = fields
    try:
        text = semail.join((kind, "", "", domain, *rest))
        got = admin.exchange(text.encode(), request_id)
        return semail.Answer(got.decode())
    except (semail.Lost, semail.Refused, semail.Broken):
        admin.drop()
        return None


def until(seconds, fields, request_id):
    """As a panel does: again while it is lost or "not now"."""
    answer = None

    def done():
        nonlocal answer
        answer = once(fields, request_id)
        return answer is not None and answer.code != -2

    wait_for(seconds, done)
    return answer


def code(answer):
    return None if answer is None else answer.code


# ---- what must be so -------------------------------------------------------------


def trouble(r, said):
    """What of a request's outcome is not as it should be."""
    rows = here.sql(said(r["sql"]))
    want = [[said(cell) for cell in row] for row in r["want"]]
    if rows != want:
        yield f"database {rows}, not {want}"
    for name, line, there in r.get("lines", ()):
        begin, _, end = said(line).partition("|")
        if any(have == begin if not end else
               have.startswith(begin) and end in have
               for have in here.lines(name)) != there:
            yield f"{name}: {line} is {'not ' if there else ''}there"
    for name, text in r.get("home", {}).items():
        got = read(f"{STATE}/mail/k.test/{said('X')}/{name}")
        if got != (text and said(text)):
            yield f"{name} in the home holds {got!r}"
    for home in r.get("gone", ()):
        if os.path.exists(f"{STATE}/mail/{said(home)}"):
            yield f"home {said(home)} is there"
    for address, begins in r.get("mail", ()):
        got = here.rcpt(said(address))
        if not got.startswith(begins):
            yield f"RCPT {said(address)}: {got}"
    yield from here.trouble()


# ---- a point ---------------------------------------------------------------------


class Cut:
    """t/cut on a running process."""

    def __init__(self, pid, n):
        self.process = subprocess.Popen([CUT, str(pid), str(n)], text=True,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.ready = self.process.stdout.readline() == "ready\n"

    def end(self):
        """("killed", CALL), ("reached", COUNT) or ("", "")."""
        self.process.terminate()
        word, _, what = self.process.stdout.read().strip().partition(" ")
        self.process.wait()
        return word, what


def cuts(steps_of):
    """A Cut for each victim, as soon as all of them run."""
    made = {}

    def ready():
        running = pids()
        if any(v not in running for v in steps_of):
            return False
        for v, n in steps_of.items():
            made[v] = Cut(running[v], n)
        if all(cut.ready for cut in made.values()):
            return True
        for cut in made.values():
            cut.end()
        return False  # one of them has just died

    wait_for(30, ready)
    return made


last_x = bad = 0
reached = {v: 0 for v in VICTIMS}
calls, not_reached = {}, []


def put_mail(x, name):
    home = f"{STATE}/mail/k.test/{x}"
    owner = os.stat(home).st_uid
    for folder in ("", "/cur", "/new", "/tmp"):
        os.makedirs(f"{home}/Maildir{folder}", 0o700, exist_ok=True)
        os.chown(f"{home}/Maildir{folder}", owner, owner)
    path = f"{home}/Maildir/new/{name}.{x}"
    with open(path, "w", encoding="ascii") as f:
        f.write("Subject: x\n\nx\n")
    os.chown(path, owner, owner)
    return path


def name_of(r):
    return r.get("name", r["request"][0])


class sayer:
    """Texts of the table, for one point."""

    def __init__(self, x):
        self.x, self.n = x, ""

    def __call__(self, text):
        return self.n if text == "N" else text.replace("X", self.x)

    def all(self, fields):
        return tuple(map(self, fields))

    def number(self, answer):
        if answer is not None and answer.rows:
            self.n = answer.rows[0][0]


def point(r, victim, n, wait):
    """Kill victim at its nth step of the request; False if the request was
    answered before that."""
    global last_x, bad
    last_x += 1
    x, problems = f"x{last_x}", []
    said = sayer(x)
    for fields in r.get("before", ()):
        answer = until(60, said.all(fields), os.urandom(16))
        if code(answer) != 0:
            problems.append(f"before: {fields}: {code(answer)} "
                            f"{answer and answer.comment}")
        said.number(answer)
    if r.get("mailed"):
        put_mail(x, "1.before")
    request, request_id = said.all(r["request"]), os.urandom(16)
    cut = cuts({victim: n})[victim]
    answer = once(request, request_id)
    word, what = cut.end()
    if word not in ("killed", "reached"):
        problems.append(f"cut: {word} {what}")
    if word == "reached" and code(answer) != 0:
        problems.append(f"not killed, and answered {code(answer)}")
    if wait and not wait_for(60, lambda: not here.is_unfinished()):
        problems.append("it is not finished by itself")
    # It itself, and whatever went with it: each once.
    audited = ("SELECT SUM(n), MAX(n) FROM (SELECT Au_Type = "
               f"'{request[0]}' AS n0, COUNT(*) AS n FROM Audit WHERE "
               f"Au_Requete = X'{request_id.hex()}' GROUP BY Au_Type, Au_Objet"
               ") a WHERE n0 = 1 OR n > 1")
    late = None
    if r.get("mailed") and wait and here.sql(audited) == [["1", "1"]]:
        late = put_mail(x, "2.late")
    first = answer
    answer = until(60, request, request_id)
    if code(answer) != 0:
        problems.append(f"the retry: {code(answer)} "
                        f"{answer and answer.comment}")
    if late is not None and not os.path.exists(late):
        problems.append("the retry purges what came after it")
    if code(until(60, ("SYNC", ""), semail.NO_ID)) != 0:
        problems.append("SYNC")
    problems += trouble(r, said)
    if here.sql(audited) != [["1", "1"]]:
        problems.append(f"audited {here.sql(audited)} times")
    if r.get("login"):
        name, password = r["login"]
        # A password that is told once: the last answer's.
        if password is None:
            password = answer.fields[6] if answer else ""
    other = until(60, request, os.urandom(16))
    if code(other) != r.get("mine", 0):
        problems.append(f"with another id: {code(other)} "
                        f"{other and other.comment}")
    if r.get("login"):
        if r["login"][1] is not None:
            password = said(password)
        got = here.login(said(name), password)
        if got:
            problems.append(f"login {said(name)}: {got}")
    if r.get("key") and answer is not None:
        try:
            with semail.Admin(answer.fields[6], f"{RUN}/ctl/admind") as panel:
                panel.request("STAT")
        except (semail.Lost, semail.Refused, semail.Broken) as e:
            problems.append(f"the panel's key: {e!r}")
    if problems:
        bad += 1
        print(f"# {name_of(r)} {x}, {victim} at step {n} ({word} {what}), first "
              f"answered {code(first)}:", flush=True)
        for p in problems:
            print(f"#   {p}", flush=True)
    if word != "killed":
        if not FULL:
            not_reached.append(f"{name_of(r)}, {victim}: {what} steps this "
                               f"time, not {n}")
        return False
    reached[victim] += 1
    calls[what] = calls.get(what, 0) + 1
    return True


# ---- all points, or some of them -------------------------------------------------


def steps(r):
    """How many each victim has in a request."""
    global last_x
    last_x += 1
    said = sayer(f"x{last_x}")
    for fields in r.get("before", ()):
        said.number(until(60, said.all(fields), os.urandom(16)))
    counting = cuts(dict.fromkeys(VICTIMS, 0))
    answer = until(60, said.all(r["request"]), os.urandom(16))
    if code(answer) != 0:
        ok(False, f"{name_of(r)} undisturbed", answer and answer.comment)
    return {v: int(cut.end()[1] or 0) for v, cut in counting.items()}


def all_points():
    for r in requests:
        counts = []
        for victim in VICTIMS:
            n = 1
            while point(r, victim, n, n % 4 == 0):
                n += 1
            counts.append(f"{victim} {n - 1}")
        print(f"# {name_of(r)}: {', '.join(counts)}", flush=True)


def some_points():
    """The victims by turns, so that semaild starts each again at once."""
    dice = random.Random(SEED)
    order = dice.sample(requests, len(requests))
    turn = 0
    while sum(reached.values()) < POINTS and turn < POINTS:
        r = order[turn % len(order)]
        turn += 1
        for victim, count in steps(r).items():
            # mariadbd takes seconds to be back
            if count > 0 and (victim != "mariadbd" or dice.random() < 0.4):
                point(r, victim, dice.randint(1, count), dice.random() < 0.15)


requests = [r for r in REQUESTS if not ONLY or r["request"][0] in ONLY]
began = time.monotonic()
all_points() if FULL else some_points()
killed = sum(reached.values())
is_(bad, 0, f"killed at {killed} points in {int(time.monotonic() - began)} s: " +
    ", ".join(f"{v} {n}" for v, n in reached.items()))
print("# as it entered " + ", ".join(
    f"{call} {n}" for call, n in sorted(calls.items())))
for text in not_reached:
    print(f"# not reached: {text}")
ok(killed >= (len(requests) * 10 if FULL else POINTS), "enough of them")
is_(here.sql("SELECT COUNT(*) - COUNT(DISTINCT Ba_Uid) FROM BAL"), [["0"]],
    "uids are not used twice")
is_(here.is_unfinished(), False, "nothing is unfinished")
done_testing()
