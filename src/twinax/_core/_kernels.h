/* The byte kernels: masking, UTF-8 check, payload objects, frame headers. Twin of mask.py.
 *
 * - Header only, `static inline`: `_kernels.pxi` includes it into the one compiled unit, so the compiler
 *   sees through every call.
 * - One vector width of 16 bytes: SSE2 is part of every x86-64 and NEON of every aarch64, so nothing is
 *   probed at run time; elsewhere words of 64 bits. 32 bytes a step would gain nothing: bytes are unmasked as
 *   fast as they are copied (64 KiB: 1.6 us masked, 1.7 us not; 1 MiB: 34 us and 37 us; AMD EPYC, 2026-11-22).
 * - Memory is read and written through memcpy or unaligned vector loads only, never through a cast pointer.
 * - A key is the four masking bytes in the order in which they stand on the wire ("memory order"), loaded
 *   by memcpy. The Python side counts it as a little-endian integer; `twx_key_from_le` converts. On a
 *   little-endian host both are the same number.
 * - The functions check nothing: bounds are the duty of the caller (`_kernels.pxi` does it).
 */
#ifndef TWINAX_KERNELS_H
#define TWINAX_KERNELS_H

#include <Python.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
typedef __m128i twx_vec;
static inline twx_vec twx_load(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }
static inline void twx_store(uint8_t *p, twx_vec v) { _mm_storeu_si128((__m128i *)(void *)p, v); }
static inline twx_vec twx_repeat(uint32_t key) { return _mm_set1_epi32((int)key); }
static inline twx_vec twx_xor(twx_vec a, twx_vec b) { return _mm_xor_si128(a, b); }
static inline twx_vec twx_or(twx_vec a, twx_vec b) { return _mm_or_si128(a, b); }
static inline int twx_is_ascii(twx_vec v) { return _mm_movemask_epi8(v) == 0; }
#elif defined(__aarch64__) || defined(_M_ARM64)
#include <arm_neon.h>
typedef uint8x16_t twx_vec;
static inline twx_vec twx_load(const uint8_t *p) { return vld1q_u8(p); }
static inline void twx_store(uint8_t *p, twx_vec v) { vst1q_u8(p, v); }
static inline twx_vec twx_repeat(uint32_t key) { return vreinterpretq_u8_u32(vdupq_n_u32(key)); }
static inline twx_vec twx_xor(twx_vec a, twx_vec b) { return veorq_u8(a, b); }
static inline twx_vec twx_or(twx_vec a, twx_vec b) { return vorrq_u8(a, b); }
static inline int twx_is_ascii(twx_vec v) { return vmaxvq_u8(v) < 0x80; }
#else
typedef struct { uint64_t lo, hi; } twx_vec;
static inline twx_vec twx_load(const uint8_t *p) { twx_vec v; memcpy(&v, p, 16); return v; }
static inline void twx_store(uint8_t *p, twx_vec v) { memcpy(p, &v, 16); }
static inline twx_vec twx_repeat(uint32_t key) {
    uint64_t twice = (uint64_t)key << 32 | key; /* the same bytes in either byte order */
    twx_vec v = {twice, twice};
    return v;
}
static inline twx_vec twx_xor(twx_vec a, twx_vec b) { a.lo ^= b.lo; a.hi ^= b.hi; return a; }
static inline twx_vec twx_or(twx_vec a, twx_vec b) { a.lo |= b.lo; a.hi |= b.hi; return a; }
static inline int twx_is_ascii(twx_vec v) { return ((v.lo | v.hi) & UINT64_C(0x8080808080808080)) == 0; }
#endif

/* The masking bytes in memory order, from the little-endian integer of the Python side, and back. */
static inline uint32_t twx_key_from_le(uint32_t key) {
#if PY_BIG_ENDIAN
    return key >> 24 | (key >> 8 & 0xff00u) | (key & 0xff00u) << 8 | key << 24;
#else
    return key;
#endif
}

/* The key for a payload that goes on at `offset`: byte i of it is byte (i + offset) % 4 of `key`. */
static inline uint32_t twx_mask_rotate(uint32_t key, size_t offset) {
    unsigned shift = 8u * (unsigned)(offset & 3);
#if PY_BIG_ENDIAN
    return key << shift | key >> ((32u - shift) & 31u);
#else
    return key >> shift | key << ((32u - shift) & 31u);
#endif
}

/* dst[i] = src[i] ^ byte i % 4 of key. Returns nonzero if any resulting byte has its top bit set, so that
 * "is it ASCII?" costs nothing extra. `dst` may be `src`, but they must not overlap otherwise.
 *
 * Each size has a loop without remainder: the last block is read before anything is written, and
 * written last, over bytes that were written already, with the same values.
 */
static inline uint32_t twx_mask_copy(uint8_t *dst, const uint8_t *src, size_t n, uint32_t key) {
    if (n >= 16) {
        twx_vec keys = twx_repeat(key);
        twx_vec last = twx_xor(twx_load(src + n - 16), twx_repeat(twx_mask_rotate(key, n)));
        twx_vec all = last;
        for (size_t i = 0; i < n - 16; i += 16) {
            twx_vec v = twx_xor(twx_load(src + i), keys);
            twx_store(dst + i, v);
            all = twx_or(all, v);
        }
        twx_store(dst + n - 16, last);
        return !twx_is_ascii(all);
    }
    if (n >= 8) {
        uint64_t first, last, rotated = twx_mask_rotate(key, n);
        memcpy(&first, src, 8);
        memcpy(&last, src + n - 8, 8);
        first ^= (uint64_t)key << 32 | key;
        last ^= rotated << 32 | rotated;
        memcpy(dst, &first, 8);
        memcpy(dst + n - 8, &last, 8);
        return ((first | last) & UINT64_C(0x8080808080808080)) != 0;
    }
    if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, src, 4);
        memcpy(&last, src + n - 4, 4);
        first ^= key;
        last ^= twx_mask_rotate(key, n);
        memcpy(dst, &first, 4);
        memcpy(dst + n - 4, &last, 4);
        return (first | last) & 0x80808080u;
    }
    uint8_t bytes[4];
    uint32_t all = 0;
    memcpy(bytes, &key, 4);
    for (size_t i = 0; i < n; i++) {
        dst[i] = src[i] ^ bytes[i];
        all |= dst[i];
    }
    return all & 0x80u;
}

/* Length of the ASCII run at `p`, in steps of 16 and then of 1. */
static inline Py_ssize_t twx_ascii_run(const uint8_t *p, Py_ssize_t n) {
    Py_ssize_t i = 0;
    while (n - i >= 16 && twx_is_ascii(twx_load(p + i))) {
        i += 16;
    }
    while (i < n && p[i] < 0x80) {
        i++;
    }
    return i;
}

/* Length of the sequence of two to four bytes at `p`, 0 when the n >= 1 bytes are a valid beginning of one,
 * -1 when they can not become valid (RFC 3629 4, the table of well-formed sequences).
 */
static inline int twx_utf8_sequence(const uint8_t *p, Py_ssize_t n) {
    uint8_t lead = p[0];
    uint8_t low = 0x80, high = 0xbf; /* of the second byte */
    int length;
    if (lead < 0xc2) {
        return -1; /* a continuation byte, or the start of an overlong form of two bytes */
    }
    if (lead < 0xe0) {
        length = 2;
    } else if (lead < 0xf0) {
        length = 3;
        if (lead == 0xe0) {
            low = 0xa0; /* below: overlong */
        } else if (lead == 0xed) {
            high = 0x9f; /* above: surrogates */
        }
    } else if (lead <= 0xf4) {
        length = 4;
        if (lead == 0xf0) {
            low = 0x90; /* below: overlong */
        } else if (lead == 0xf4) {
            high = 0x8f; /* above: beyond U+10FFFF */
        }
    } else {
        return -1;
    }
    if (n < 2) {
        return 0;
    }
    if (p[1] < low || p[1] > high) {
        return -1;
    }
    for (int i = 2; i < length; i++) {
        if (n <= i) {
            return 0;
        }
        if ((p[i] & 0xc0) != 0x80) {
            return -1;
        }
    }
    return length;
}

/* Length of the longest prefix that is complete and valid UTF-8, or -1 as soon as the bytes can not become
 * valid, however they go on. An incomplete tail is left out of the prefix and is no error.
 */
static inline Py_ssize_t twx_utf8_prefix(const uint8_t *p, Py_ssize_t n) {
    Py_ssize_t i = 0;
    while (i < n) {
        if (p[i] < 0x80) {
            i += twx_ascii_run(p + i, n - i);
            continue;
        }
        int length = twx_utf8_sequence(p + i, n - i);
        if (length <= 0) {
            return length < 0 ? -1 : i;
        }
        i += length;
    }
    return i;
}

/* New bytes, unmasked; NULL with MemoryError. */
static inline PyObject *twx_bytes(const uint8_t *src, Py_ssize_t n, uint32_t key, int masked) {
    if (!masked) {
        return PyBytes_FromStringAndSize((const char *)src, n);
    }
    PyObject *result = PyBytes_FromStringAndSize(NULL, n);
    if (result != NULL && n > 0) { /* bytes of length 0 are one object that all share */
        twx_mask_copy((uint8_t *)PyBytes_AS_STRING(result), src, (size_t)n, key);
    }
    return result;
}

/* New str, unmasked; NULL with UnicodeDecodeError or MemoryError.
 *
 * ASCII is written straight into the str. Other text is decoded from that same memory, so `src` stays as it
 * is. Unmasking in `src` instead would spare the second allocation, at most 10 % to 20 % for German, Russian
 * and Chinese text of 512 bytes to 16 KiB (2026-11-22), but the twins would differ in what they leave behind.
 */
static inline PyObject *twx_text(const uint8_t *src, Py_ssize_t n, uint32_t key, int masked) {
    if (n < 2) {
        /* "" and the strs of one character are objects that all share: not to be written to. */
        uint8_t only = 0;
        if (n == 1) {
            twx_mask_copy(&only, src, 1, masked ? key : 0);
        }
        return PyUnicode_DecodeUTF8((const char *)&only, n, NULL);
    }
    PyObject *result = PyUnicode_New(n, 127);
    if (result == NULL || !twx_mask_copy(PyUnicode_1BYTE_DATA(result), src, (size_t)n, masked ? key : 0)) {
        return result;
    }
    PyObject *decoded = PyUnicode_DecodeUTF8((const char *)PyUnicode_1BYTE_DATA(result), n, NULL);
    Py_DECREF(result);
    return decoded;
}

/* The UTF-8 bytes of a str, valid as long as it lives; NULL with UnicodeEncodeError for a lone surrogate.
 *
 * An ASCII str is its own UTF-8: no copy. Any other str keeps the UTF-8 that CPython makes for it here
 * until it dies. That is accepted: the other way is a bytes object for each message, and a str that is sent
 * to many, or sent again, is encoded only once.
 */
static inline const char *twx_utf8_of(PyObject *str, Py_ssize_t *n) {
    if (PyUnicode_IS_COMPACT_ASCII(str)) {
        *n = PyUnicode_GET_LENGTH(str);
        return (const char *)PyUnicode_1BYTE_DATA(str);
    }
    return PyUnicode_AsUTF8AndSize(str, n);
}

/* Write a frame header up to the masking key, its length in the fewest bytes (RFC 6455 5.2), at `out`, which
 * has room for 10. `n` is below 2**63. Returns the bytes written: 2, 4 or 10.
 */
static inline int twx_put_header(uint8_t *out, int first_byte, uint64_t n, int mask_bit) {
    uint8_t mask = mask_bit ? 0x80 : 0;
    out[0] = (uint8_t)first_byte;
    if (n < 126) {
        out[1] = (uint8_t)(mask | n);
        return 2;
    }
    if (n < 65536) {
        out[1] = mask | 126;
        out[2] = (uint8_t)(n >> 8);
        out[3] = (uint8_t)n;
        return 4;
    }
    out[1] = mask | 127;
    for (int i = 0; i < 8; i++) {
        out[2 + i] = (uint8_t)(n >> (56 - 8 * i));
    }
    return 10;
}

/* Whether `length` bytes from `start` lie in `size` bytes; cannot overflow. */
static inline int twx_is_inside(Py_ssize_t size, Py_ssize_t start, Py_ssize_t length) {
    return start >= 0 && length >= 0 && length <= size && start <= size - length;
}

/* How far `to` lies behind `from` in the same block: Cython checks differences of numbers, not of pointers. */
static inline Py_ssize_t twx_distance(const uint8_t *from, const uint8_t *to) { return to - from; }

/* Make a bytearray n >= 0 bytes longer and return where they begin; NULL with MemoryError or BufferError.
 *
 * The new bytes hold garbage until the caller fills them; pointers into the bytearray from before are
 * dead. PyByteArray_Resize leaves an eighth spare when it grows by little, so that many small frames cost
 * few moves.
 */
static inline uint8_t *twx_grow(PyObject *array, Py_ssize_t n) {
    Py_ssize_t size = PyByteArray_GET_SIZE(array);
    if (n > PY_SSIZE_T_MAX - size) {
        PyErr_NoMemory();
        return NULL;
    }
    if (PyByteArray_Resize(array, size + n) < 0) {
        return NULL;
    }
    return (uint8_t *)PyByteArray_AS_STRING(array) + size;
}

#endif
