/* Opening handshakes (RFC 6455 4), as far as a program needs them that talks to servers and clients it knows. */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HANDSHAKE_HEAD_MAX = 8192, EXTENSION_MAX = 256 };

/* What an answer or a request says about permessage-deflate (RFC 7692 7.1). */
struct deflate_terms {
    bool agreed;
    bool client_no_context_takeover;
    bool server_no_context_takeover;
    int client_window_bits;
    int server_window_bits;
};

/* Length of the head with its empty line; 0 when it is not whole yet. */
size_t handshake_head_size(const uint8_t *data, size_t available);

/* Writes a request; `offer` NULL: without extensions. Returns its size. */
size_t handshake_write_request(char *out, size_t size, const char *host, const char *path, const char *offer);

/* Checks an answer's head. Returns NULL, or why it is not a switch to WebSocket. */
const char *handshake_read_answer(const char *head, struct deflate_terms *terms, char extension[EXTENSION_MAX]);

/* Writes the answer to a request's head; returns its size, 0 when it is no WebSocket request. */
size_t handshake_write_answer(char *out, size_t size, const char *request, const char *extension);

/* Copies the value of a header; returns whether it is there. */
bool handshake_header(const char *head, const char *name, char *value, size_t size);

#endif
