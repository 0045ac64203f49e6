/* SHA-1, for the answer to Sec-WebSocket-Key (RFC 6455 4.2.2). */
#ifndef SHA1_H
#define SHA1_H

#include <stddef.h>
#include <stdint.h>

void sha1(const uint8_t *data, size_t length, uint8_t digest[20]);

#endif
