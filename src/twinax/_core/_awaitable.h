/* Slots that Cython cannot express: an awaited result is returned, not raised inside a StopIteration. */
#ifndef TWX_AWAITABLE_H
#define TWX_AWAITABLE_H

#include <Python.h>

typedef PyObject *(*twx_poll_function)(PyObject *receiving);

static twx_poll_function twx_poll;
static PyTypeObject *twx_arrival;
static PyAsyncMethods twx_receiving_methods;
static PyAsyncMethods twx_done_methods;

/* am_send of `Receiving`: one step of the await. The message ends it; an Arrival suspends the task. */
static PySendResult twx_send(PyObject *receiving, PyObject *Py_UNUSED(value), PyObject **result) {
    *result = twx_poll(receiving);
    if (*result == NULL) {
        return PYGEN_ERROR;
    }
    return Py_TYPE(*result) == twx_arrival ? PYGEN_NEXT : PYGEN_RETURN;
}

/* am_send of `Done`: it ends at once. */
static PySendResult twx_done_send(PyObject *Py_UNUSED(done), PyObject *Py_UNUSED(value), PyObject **result) {
    Py_INCREF(Py_None);
    *result = Py_None;
    return PYGEN_RETURN;
}

static void twx_set_send(PyTypeObject *type, PyAsyncMethods *methods, sendfunc send) {
    if (type->tp_as_async != NULL) {
        *methods = *type->tp_as_async;
    }
    methods->am_send = send;
    type->tp_as_async = methods;
    PyType_Modified(type);
}

/* Give the type `receiving` the slot; `arrival` is the type of what a waiting task is given. */
static void twx_add_send(PyTypeObject *receiving, PyTypeObject *arrival, twx_poll_function poll) {
    twx_poll = poll;
    twx_arrival = arrival;
    twx_set_send(receiving, &twx_receiving_methods, twx_send);
}

static void twx_add_done(PyTypeObject *done) { twx_set_send(done, &twx_done_methods, twx_done_send); }

#endif
