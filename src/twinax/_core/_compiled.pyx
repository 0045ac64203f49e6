# cython: language_level=3, overflowcheck=True
"""The compiled core: the sources beside this file, compiled as one unit.

One unit and not one per file: classes see each other's C methods and fields without a second
declaration of every field in a ``.pxd``, and the C compiler inlines across the files. The lines of a
traceback still name the ``.py`` they come from.
"""

import cython

include "_kernels.pxi"
include "_outbuffer.pxi"
include "_payload.pxi"
include "cursor.py"
include "settings.py"
include "rates.py"
include "frames.py"
include "assembler.py"
include "traffic.py"
include "stage.py"
include "decoding.py"
include "pipeline.py"
include "shared.py"
include "close_payload.py"
include "states.py"
include "turn.py"
include "timers.py"
include "sink.py"
include "done.py"
include "output.py"
include "inbox.py"
include "receiving.py"
include "extending.py"
include "data_frames.py"
include "connection.py"
include "_fast.pxi"
include "_upgrade.pxi"
