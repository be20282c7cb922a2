#!/usr/bin/python3
# Two administrators change the same things at once, each over a panel of his
# own: every answer is one of those that semail-admind(8) has for it, the journal
# has no gap and is in the order of the audit log, and what is there in the end
# is what the last row of the audit log says.
# also sanitized
import collections
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir", "."), "t"))
from directory import Directory  # noqa: E402
from system import System, done_testing, is_, ok, wait_for  # noqa: E402

import semail  # noqa: E402

SECONDS = 6
SEED = int(os.environ.get("SEED", "1"))
system = System("""semail_conf; semail_start; newdom x.test >/dev/null || exit 1
echo "smtp=$smtp_port"; echo "pop3=$pop3_port" """)
here = Directory(system)
SOCKET = f"{here.run}/ctl/admind"
with open(f"{here.run}/ctl/admin.key", encoding="ascii") as f:
    LOCAL = f.read()


def root(kind, domain, *fields):
    with semail.Admin(LOCAL, SOCKET) as a:
        answer = a.request(kind, "", "", domain, *fields)
    if answer.code != 0:
        ok(False, f"{kind} {fields}", answer.text)
    return answer


def work(dice):
    """A request, what it is about, what that becomes (None: it goes; ...: as it
    was), and its answers."""
    n, value = dice.randint(1, 3), str(dice.randint(1, 3))
    box, alias, user = f"b{n}", f"a{n}", f"v{n}"
    whole = f"y{n}.test"
    return dice.choice((
        # They may be given up for the deletion that is under way.
        (("NEWBAL", "x.test", box, "pw", "", value), f"{box}@x.test", value,
         (0, -6, -2)),
        (("SETBAL", "x.test", box, f"quota={value}"), f"{box}@x.test", value,
         (0, -5, -2)),
        (("MODBAL", "x.test", box, "", "", value), f"{box}@x.test", value,
         (0, -5, -2)),
        (("PASSWD", "x.test", box, f"pw{value}"), f"{box}@x.test", ...,
         (0, -5, -2)),
        (("DELBAL", "x.test", box), f"{box}@x.test", None, (0, -5)),
        (("NEWALIAS", "x.test", alias, f"e{value}@else.test"), alias,
         f"e{value}@else.test", (0, -6)),
        (("MODALIAS", "x.test", alias, f"list=e{value}@else.test"), alias,
         f"e{value}@else.test", (0, -11)),
        (("DELALIAS", "x.test", alias), alias, None, (0, -11)),
        (("NEWVIRT", "x.test", user, "", f"e{value}", "else.test"),
         f"{user}@x.test", f"e{value}", (0, -6)),
        (("MODVIRT", "x.test", user, "", f"real=e{value}"), f"{user}@x.test",
         f"e{value}", (0, -11)),
        (("DELVIRT", "x.test", user), f"{user}@x.test", None, (0, -11)),
        (("NEWVIRT", "x.test", f"to-{user}", "", alias), f"to-{user}@x.test",
         alias, (0, -6, -11)),
        (("NEWDOM", "", whole), whole, "0", (0, -6)),
        (("MODDOM", "", whole, f"max={value}"), whole, value, (0, -4, -2)),
        (("NEWBAL", whole, "m", "pw"), f"m@{whole}", "0", (0, -4, -2)),
        (("DELDOM", "", whole, "force=yes"), whole, None, (0, -4)),
    ))


class Administrator(threading.Thread):
    """On the Unix socket: no password is hashed to let him in."""

    def __init__(self, name, key):
        super().__init__()
        self.panel, self.key = name, key
        self.dice = random.Random(f"{SEED} {name}")
        self.sent = {}  # request id: what, becomes
        self.order, self.strange = [], []
        self.answers = collections.Counter()

    def run(self):
        until = time.monotonic() + SECONDS
        with semail.Admin(self.key, SOCKET) as panel:
            while time.monotonic() < until:
                fields, what, becomes, allowed = work(self.dice)
                request_id = os.urandom(16)
                kind, domain, *rest = fields
                self.sent[request_id.hex()] = what, becomes
                self.order.append(request_id.hex())
                try:
                    answer = panel.request(kind, "", "", domain, *rest,
                                           request_id=request_id)
                except semail.Lost as e:
                    self.strange.append(f"{fields}: {e}")
                    continue
                self.answers[answer.code] += 1
                if answer.code not in allowed:
                    self.strange.append(f"{fields}: {answer.text}")


both = []
for name in ("one", "two"):
    both.append(Administrator(name, root("NEWPANEL", "", name).fields[6]))
for a in both:
    a.start()
for a in both:
    a.join()
for a in both:
    is_(a.strange, [], f"{a.panel}: {sum(a.answers.values())} answers: " +
        ", ".join(f"{code} {n}" for code, n in sorted(a.answers.items())))
    ok(a.answers[0] > 10, "some of them done", a.answers)
root("SYNC", "")
ok(wait_for(60, lambda: not here.is_unfinished()), "nothing is unfinished")
root("SYNC", "")
is_(list(here.trouble()), [], "no gap in the journal, the text files are at its end")

# ---- the audit log says it all ---------------------------------------------------
sent = {**both[0].sent, **both[1].sent}
rows = [row for row in here.sql(
    "SELECT LOWER(HEX(Au_Requete)), Au_Type, Au_Objet FROM Audit WHERE "
    "Au_Requete IS NOT NULL ORDER BY Au_Id") if row[0] in sent]
for a in both:
    mine = list(dict.fromkeys(r[0] for r in rows if r[0] in a.sent))
    place = {request: i for i, request in enumerate(a.order)}
    is_(mine, sorted(mine, key=place.get), f"{a.panel}'s are in his order")
last = {}
for request, kind, what in rows:
    about, becomes = sent[request]
    if kind.startswith("DEL"):  # by itself, or with what it led to
        last[what] = None
    elif about == what and becomes is not ...:
        last[what] = becomes
there = {what: value for what, value in last.items() if value is not None}
is_(dict(here.sql(
    "SELECT CONCAT(Ba_Login, '@', Do_NomDomaine), Ba_Quota FROM BAL JOIN "
    "Domaine ON Do_IdDomaine = Ba_IdDomaine UNION ALL "
    "SELECT Al_Nom, Al_ListeEmail FROM Alias UNION ALL "
    "SELECT CONCAT(Vi_UtilisateurVirtuel, '@', Do_NomDomaine), "
    "Vi_UtilisateurReel FROM VirtualUser JOIN Domaine ON Do_IdDomaine = "
    "Vi_IdDomaine UNION ALL SELECT Do_NomDomaine, Do_MaxMail FROM Domaine "
    "WHERE Do_NomDomaine <> 'x.test'")), there,
    f"{len(there)} of {len(last)} are there, as their last rows say")
wrong = []
for what in last:
    address = what if "@" in what else f"{what}@x.test"
    if what.endswith(".test") and "@" not in what:
        continue
    got = here.rcpt(address)
    if got.startswith("250") != (what in there):
        wrong.append(f"{address}: {got}")
is_(wrong, [], "authd agrees")
homes = {f"{box}@{domain}" for domain in os.listdir(f"{here.state}/mail")
         if not domain.startswith(".")
         for box in os.listdir(f"{here.state}/mail/{domain}")}
is_(homes, {what for what in there if what[0] in "bm" and "@" in what},
    "so do the homes")
done_testing()
