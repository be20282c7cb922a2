#!/usr/bin/python3
"""What tests in Python ask of a running system's directory."""
import os
import poplib
import smtplib
import subprocess

# The tables that a text file is made of, as the journal numbers them.
FILES = {"aliases": "4", "virtual": "1, 5", "passwd": "1, 2"}


def read(path):
    """A file's text, or None."""
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return None


class Directory:
    """system.said has the ports smtp and pop3."""

    def __init__(self, system):
        self.run, self.state = f"{system.dir}/run", f"{system.dir}/state"
        self.smtp = int(system.said["smtp"])
        self.pop3 = int(system.said["pop3"])

    def sql(self, statement):
        """Its rows, lists of strings; None: the database is away."""
        become, user = [], os.environ.get("USER", "root")
        if os.geteuid() == 0:
            user = "semail-admin"
            become = ["setpriv", f"--reuid={user}", f"--regid={user}",
                      "--clear-groups"]
        r = subprocess.run(
            [*become, "mariadb", "--no-defaults", "-N", "-B", "-S",
             f"{self.run}/admind/db/sock", "-u", user, "semail", "-e",
             statement], capture_output=True, text=True, check=False)
        if r.returncode != 0:
            return None
        return [line.split("\t") for line in r.stdout.splitlines()]

    def rcpt(self, address):
        """What RCPT TO is answered."""
        try:
            with smtplib.SMTP("127.0.0.1", self.smtp, "test", 20) as s:
                s.ehlo()
                s.mail("a@else.test")
                status, text = s.rcpt(address)
                return f"{status} {text.decode()}"
        except (OSError, smtplib.SMTPException) as e:
            return repr(e)

    def login(self, name, password):
        """"", or why not."""
        try:
            s = poplib.POP3("127.0.0.1", self.pop3, timeout=20)
            s.user(name)
            s.pass_(password)
            s.quit()
            return ""
        except (OSError, poplib.error_proto) as e:
            return repr(e)

    def lines(self, name):
        """Those of a text file."""
        return (read(f"{self.state}/exports/{name}") or "").splitlines()

    def trouble(self):
        """Gaps in the journal, and text files whose number is not of it."""
        newest = ", ".join(f"COALESCE(MAX(IF(Jo_Table IN ({tables}), Jo_Numero,"
                           " 0)), 0)" for tables in FILES.values())
        rows = self.sql(
            "SELECT COUNT(*) - MAX(Jo_Numero), MIN(Jo_Numero), (SELECT "
            "Co_Valeur FROM Compteur WHERE Co_Nom = 'journal') - "
            f"MAX(Jo_Numero), MAX(Jo_Numero), {newest} FROM Journal")
        if not rows or rows[0][:3] != ["0", "1", "0"]:
            yield f"the journal: {rows}"
            return
        for name, least in zip(FILES, rows[0][4:]):
            mark = name if name != "passwd" else "passwd.journal"
            text = (self.lines(mark) or [""])[0]
            number = text.partition("journal=")[2].partition(" ")[0]
            if not number.isdigit() or \
                    not int(least) <= int(number) <= int(rows[0][3]):
                yield f"{name} has {text!r}, the journal {rows}"

    def is_unfinished(self):
        return self.sql(
            "SELECT (SELECT COUNT(*) FROM BAL WHERE Ba_Etat IN ('CREATION', "
            "'SUPPRESSION') OR Ba_Effet > 0), (SELECT COUNT(*) FROM Domaine "
            "WHERE Do_Etat = 'SUPPRESSION')") != [["0", "0"]]
