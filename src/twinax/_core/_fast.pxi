# Short cuts of the compiled core; fast.py has those of the interpreted one. They hold no rule: what they do not
# recognise at once as plainly fine goes the way of the one source, with nothing moved, and a property test shows that
# the same happens without them.

from cpython.object cimport PyTypeObject
from cpython.bytes cimport PyBytes_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact

cdef extern from "_awaitable.h":
    void twx_add_send(PyTypeObject *receiving, PyTypeObject *arrival, object (*poll)(object))
    void twx_add_done(PyTypeObject *done)


# --- in -------------------------------------------------------------------------------------------

cdef object next_plain(CoreConnection self):
    """Take the next message if it is whole in one frame of less than 64 KiB and nothing else is to be considered.

    Returns None, with nothing moved, for everything else: no bytes, a rule that is broken or must be counted (an
    empty frame), a fragment, a control frame, an RSV bit, text that is not UTF-8, a limit, the end of the turn.
    """
    cdef Cursor cursor = self._cursor
    cdef CoreSettings settings = self._settings
    cdef Py_ssize_t left = cursor.end - cursor.position
    cdef Py_ssize_t length, header, start
    cdef unsigned int first, second, key = 0
    cdef const uint8_t *at
    cdef object message
    if (
        left < 2 or self._state != OPEN or self._stop or self._turn_frames <= 0 or self._turn_bytes <= 0
        or self._payload_left or self._skipping or self._parts is not None or not settings.assemble
        or (self._assembler is not None and self._assembler.opcode)
        or (self._pipeline is not None and not self._pipeline.plain_frames_pass)
    ):
        return None
    at = _piece(cursor.buffer, cursor.position, left)
    first = at[0]
    second = at[1]
    if (first != (FIN | OP_TEXT) and first != (FIN | OP_BINARY)) or (second & MASK_BIT != 0) != self._header._expect_mask:
        return None
    length = second & 0x7F
    header = 2
    if length == 126:
        if left < 4:
            return None
        length = (<Py_ssize_t>at[2] << 8) | at[3]
        header = 4
        if length < 126:
            return None
    elif length == 127 or length == 0:
        return None
    if second & MASK_BIT:
        if left < header + 4:
            return None
        # In memory order, as the kernels want it.
        memcpy(&key, at + header, 4)
        header += 4
    if left < header + length or length > settings.max_frame or length > settings.max_message:
        return None
    if first == (FIN | OP_BINARY):
        message = twx_bytes(at + header, length, key, key != 0)
    else:
        try:
            message = twx_text(at + header, length, key, key != 0)
        except UnicodeDecodeError:
            return None
    cursor.position += header + length
    self._turn_frames -= 1
    self._turn_bytes -= length
    self._empty_frames = 0
    return message


cdef int deliver_plain(CoreConnection self) except -1:
    """Deliver plain messages as long as they follow each other and somebody takes them at once."""
    cdef object message
    cdef Arrival arrival
    while not self._messages:
        if self._listener is None and self._arrival is None:
            return 0
        message = next_plain(self)
        if message is None:
            return 0
        if self._listener is not None:
            self._call_listener(message)
            continue
        self._ready = message
        self._pulls = True
        try:
            arrival = <Arrival>self._arrival  # held: waking it makes the connection forget it
            arrival.wake()
        finally:
            self._pulls = False
        if self._ready is not None:
            # The task goes on in a later turn of the loop: the message waits for it.
            message = self._ready
            self._ready = None
            self._deliver(message)
            return 0
    return 0


cdef object poll_receiving(object receiving):
    """One step of ``await connection.recv()`` and of ``async for``."""
    cdef Receiving waiter = <Receiving>receiving
    cdef CoreConnection self = <CoreConnection?>waiter._inbox
    cdef object message
    if self._pulls and not self._messages and self.may_receive():
        message = self._ready
        if message is not None:
            self._ready = None
            return message
        # Woken by `deliver_plain`: the next message need not be queued, nor its receiver be woken again.
        message = next_plain(self)
        if message is not None:
            return message
    return waiter._poll()


# --- out ------------------------------------------------------------------------------------------

cdef bint append_plain(Output self, unsigned int first, const uint8_t *payload, Py_ssize_t length) except -1:
    """Append the frame of a small message if the peer keeps up and no extension wants it; return whether."""
    cdef unsigned int key = 0
    cdef bint masked = self._keys is not None
    if (
        self._state != OPEN or not self._writable or self._mid_message or (self._held is not None and self._held)
        or length > self._settings.fragment_size or length >= PIECE_SIZE
        or (self._pipeline is not None and length >= self._pipeline.threshold)
    ):
        return False
    if masked:
        key = self._keys.next()
    cdef OutBuffer out = self._open_buffer()
    _put(out, first, payload, length, masked, key)
    if out._size >= FLUSH_SIZE:
        self.flush()
    self._uncork()
    return True


cdef bint send_plain(Output self, object data) except -1:
    """Send a small message; return whether that was done."""
    cdef Py_ssize_t length = 0
    cdef const uint8_t *payload
    if PyUnicode_CheckExact(data):
        payload = <const uint8_t *>twx_utf8_of(data, &length)
        return append_plain(self, FIN | OP_TEXT, payload, length)
    if PyBytes_CheckExact(data):
        payload = <const uint8_t *>PyBytes_AS_STRING(data)
        return append_plain(self, FIN | OP_BINARY, payload, PyBytes_GET_SIZE(data))
    return False


cdef bint send_shared_plain(Output self, SharedMessage message) except -1:
    """Send a small message that others are sent as well; return whether that was done."""
    cdef const uint8_t *payload = <const uint8_t *>PyBytes_AS_STRING(message.payload)
    if message.compress is not None:
        return False
    return append_plain(self, FIN | message.opcode, payload, PyBytes_GET_SIZE(message.payload))


twx_add_send(<PyTypeObject *>Receiving, <PyTypeObject *>Arrival, poll_receiving)
twx_add_done(<PyTypeObject *>Done)
