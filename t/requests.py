#!/usr/bin/python3
"""requests.py RUN-DIR: carries out each line of standard input, a request, over
one connection, and prints a line of JSON for each: for tests that make so many
that a process each would be most of their time."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.environ.get("top_srcdir", "."),
                                "contrib/panel"))
sys.dont_write_bytecode = True
import semail  # noqa: E402


def main():
    with open(f"{sys.argv[1]}/ctl/admin.key", encoding="ascii") as f:
        key = f.read()
    with semail.Admin(key, f"{sys.argv[1]}/ctl/admind") as admin:
        for line in sys.stdin.buffer:
            answer = semail.Answer(admin.raw(line.rstrip(b"\n")).decode(
                "utf-8", "surrogateescape"))
            out = {"code": answer.code, "comment": answer.comment}
            if answer.columns:
                out["rows"] = [dict(zip(answer.columns, row))
                               for row in answer.rows]
            print(json.dumps(out, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main()
