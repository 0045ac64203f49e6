# Short cuts that only the compiled core has. They hold no rule: what they do not recognise goes the way
# of the one source, and a property test shows that with and without them the same happens.

from cpython.object cimport PyTypeObject

cdef extern from "_awaitable.h":
    void twx_add_send(PyTypeObject *receiving, PyTypeObject *arrival, object (*poll)(object))


cdef object poll_receiving(object receiving):
    return (<Receiving>receiving)._poll()


twx_add_send(<PyTypeObject *>Receiving, <PyTypeObject *>Arrival, poll_receiving)
