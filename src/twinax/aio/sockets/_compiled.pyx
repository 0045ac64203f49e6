# cython: language_level=3, overflowcheck=True
"""The compiled twin of this folder: the sources beside this file, compiled as one unit (see `_core/_compiled.pyx`)."""

import cython

include "_kernel.pxi"
include "hub.py"
include "acceptor.py"
include "connected.py"
include "unsent.py"
include "socket_wire.py"


cdef int run_ready(Watched item, unsigned int events) except -1:
    PyContext_Enter(item._context)
    try:
        item.ready(events)
    finally:
        PyContext_Exit(item._context)
    return 0
