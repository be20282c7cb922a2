#!/usr/bin/python3
"""A whole SEMail for tests in Python: TAP, and t/lib.sh to start and stop it."""
import os
import subprocess
import sys
import time

TOP = os.path.abspath(os.environ.get("top_srcdir", "."))
sys.path.insert(0, os.path.join(TOP, "contrib/panel"))
sys.dont_write_bytecode = True

count = failed = 0


def ok(good, name, got=None):
    global count, failed
    count += 1
    print(f"{'' if good else 'not '}ok {count} - {name}", flush=True)
    if not good:
        failed += 1
        if got is not None:
            print(f"#  got {got!r}", flush=True)
    return good


def is_(got, want, name):
    if not ok(got == want, name):
        print(f"#  got {got!r}\n# want {want!r}", flush=True)


def done_testing():
    print(f"1..{count}", flush=True)
    sys.exit(failed != 0)


def wait_for(seconds, condition):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


class System:
    """script: shell lines that start it, with t/lib.sh at hand; what they
    print as "name=value" is in .said."""

    def __init__(self, script):
        self.shell = subprocess.Popen(
            ["sh", "-c", f""". t/lib.sh
{script}
echo "T=$T"; echo "shell=$$"
echo ready
read -r end
exec >/dev/null"""], cwd=TOP, env=dict(os.environ, top_srcdir=TOP),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = {}
        for line in self.shell.stdout:
            line = line.rstrip("\n")
            if "# SKIP" in line:
                print(line)
                sys.exit(0)
            if line == "ready":
                break
            if "=" in line and not line.startswith(("#", "ok", "not ok")):
                name, _, value = line.partition("=")
                self.said[name] = value
        else:
            print("Bail out! the system does not start")
            sys.exit(1)
        self.dir = self.said["T"]

    def semail(self, *args, stdin=""):
        """The command: status, output, errors."""
        r = subprocess.run(
            [os.path.join(os.environ["SEMAIL_PREFIX"], "sbin/semail"), "-f",
             f"{self.dir}/semail.conf", *args], input=stdin, text=True,
            capture_output=True, check=False)
        return r.returncode, r.stdout, r.stderr

    def log(self):
        with open(f"{self.dir}/semail.log", encoding="utf-8",
                  errors="replace") as f:
            return f.read()

    def stop(self):
        self.shell.stdin.close()
        self.shell.wait()
