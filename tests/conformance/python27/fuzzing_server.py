"""Autobahn's fuzzing server on a listening socket that the caller made; run by autobahn.py under Python 2.7.

`wstest --mode fuzzingserver` listens on every interface, at a port that must be known beforehand. This takes the
descriptor of a socket that is bound to the loopback address already, so no port can be lost between choice and use.
It lies in a folder of its own so that `import autobahn` finds the package, not the driver.

Usage: python2.7 fuzzing_server.py SPEC-FILE DESCRIPTOR
"""

import json
import socket
import sys

from autobahntestsuite import fuzzing
from twisted.internet import reactor


def main(spec_file, descriptor):
    """Serve the cases of the spec until the process is stopped."""
    with open(spec_file) as file:
        spec = json.load(file)
    # The server factory wants byte strings, which Python 2 calls str.
    spec["url"] = str(spec["url"])
    reactor.adoptStreamPort(descriptor, socket.AF_INET, fuzzing.FuzzingServerFactory(spec))
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
