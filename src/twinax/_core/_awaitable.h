/* A slot that Cython cannot express: an awaited message is returned, not raised inside a StopIteration. */
#ifndef TWX_AWAITABLE_H
#define TWX_AWAITABLE_H

#include <Python.h>

typedef PyObject *(*twx_poll_function)(PyObject *receiving);

static twx_poll_function twx_poll;
static PyTypeObject *twx_arrival;
static PyAsyncMethods twx_async_methods;

/* am_send: one step of the await. The message ends it; an Arrival suspends the task. */
static PySendResult twx_send(PyObject *receiving, PyObject *Py_UNUSED(value), PyObject **result) {
    *result = twx_poll(receiving);
    if (*result == NULL) {
        return PYGEN_ERROR;
    }
    return Py_TYPE(*result) == twx_arrival ? PYGEN_NEXT : PYGEN_RETURN;
}

/* Give the type `receiving` the slot; `arrival` is the type of what a waiting task is given. */
static void twx_add_send(PyTypeObject *receiving, PyTypeObject *arrival, twx_poll_function poll) {
    twx_poll = poll;
    twx_arrival = arrival;
    if (receiving->tp_as_async != NULL) {
        twx_async_methods = *receiving->tp_as_async;
    }
    twx_async_methods.am_send = twx_send;
    receiving->tp_as_async = &twx_async_methods;
    PyType_Modified(receiving);
}

#endif
