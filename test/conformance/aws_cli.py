#!/usr/bin/env python3
"""The AWS CLI in one process: each line of input is a command's arguments as JSON, each line of output its status and what it printed."""

import contextlib
import io
import json
import sys

from awscli.clidriver import create_clidriver


def run(driver, args):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = driver.main(args)
        except SystemExit as e:  # of the parser of arguments
            status = e.code
    return {"status": status, "out": out.getvalue(), "err": err.getvalue()}


def main():
    driver = create_clidriver()
    for line in sys.stdin:
        print(json.dumps(run(driver, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
