#include "handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sha1.h"

/* The key and its answer are the example of RFC 6455 1.3: no client here hides anything from a cache. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

size_t handshake_head_size(const uint8_t *data, size_t available)
{
    const uint8_t *end = memmem(data, available, "\r\n\r\n", 4);
    return end == NULL ? 0 : (size_t)(end - data) + 4;
}

bool handshake_header(const char *head, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) != 0 || line[length] != ':')
            continue;
        const char *start = line + length + 1;
        start += strspn(start, " \t");
        size_t found = strcspn(start, "\r\n");
        while (found > 0 && (start[found - 1] == ' ' || start[found - 1] == '\t'))
            found--;
        snprintf(value, size, "%.*s", (int)found, start);
        return true;
    }
    return false;
}

size_t handshake_write_request(char *out, size_t size, const char *host, const char *path, const char *offer)
{
    int written = snprintf(out, size,
                           "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n%s%s%s\r\n",
                           path, host, offer != NULL ? "Sec-WebSocket-Extensions: " : "", offer != NULL ? offer : "",
                           offer != NULL ? "\r\n" : "");
    return (size_t)written;
}

static void read_parameter(char *parameter, struct deflate_terms *terms)
{
    parameter += strspn(parameter, " \t");
    char *value = strchr(parameter, '=');
    if (value != NULL) {
        *value++ = 0;
        value += strspn(value, " \t\"");
    }
    parameter[strcspn(parameter, " \t")] = 0;
    if (strcmp(parameter, "client_no_context_takeover") == 0)
        terms->client_no_context_takeover = true;
    else if (strcmp(parameter, "server_no_context_takeover") == 0)
        terms->server_no_context_takeover = true;
    else if (strcmp(parameter, "client_max_window_bits") == 0 && value != NULL)
        terms->client_window_bits = atoi(value);
    else if (strcmp(parameter, "server_max_window_bits") == 0 && value != NULL)
        terms->server_window_bits = atoi(value);
}

static void read_terms(const char *extension, struct deflate_terms *terms)
{
    char text[EXTENSION_MAX];
    char *rest = text;
    snprintf(text, sizeof text, "%s", extension);
    *terms = (struct deflate_terms){.client_window_bits = 15, .server_window_bits = 15};
    char *name = strtok_r(rest, ";", &rest);
    terms->agreed = name != NULL && strncmp(name, "permessage-deflate", 18) == 0;
    for (char *parameter = strtok_r(rest, ";", &rest); parameter != NULL; parameter = strtok_r(rest, ";", &rest))
        read_parameter(parameter, terms);
}

const char *handshake_read_answer(const char *head, struct deflate_terms *terms, char extension[EXTENSION_MAX])
{
    char accept[64];
    if (strncmp(head, "HTTP/1.1 101", 12) != 0)
        return "the server does not switch protocols";
    if (!handshake_header(head, "Sec-WebSocket-Accept", accept, sizeof accept) || strcmp(accept, ACCEPT) != 0)
        return "Sec-WebSocket-Accept is not the answer to our key";
    if (!handshake_header(head, "Sec-WebSocket-Extensions", extension, EXTENSION_MAX))
        extension[0] = 0;
    read_terms(extension, terms);
    if (extension[0] != 0 && !terms->agreed)
        return "the server chose an extension that was not offered";
    return NULL;
}

static void write_base64(const uint8_t digest[20], char out[29])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int group = 0; group < 7; group++) {
        int at = group * 3;
        uint32_t bits = (uint32_t)digest[at] << 16 | (uint32_t)digest[at + 1] << 8;
        if (at + 2 < 20)
            bits |= digest[at + 2];
        for (int i = 0; i < 4; i++)
            out[group * 4 + i] = alphabet[bits >> (18 - 6 * i) & 63];
    }
    out[27] = '=';
    out[28] = 0;
}

size_t handshake_write_answer(char *out, size_t size, const char *request, const char *extension)
{
    char key[64], joined[64 + sizeof GUID], accept[29];
    uint8_t digest[20];
    if (!handshake_header(request, "Sec-WebSocket-Key", key, sizeof key) || strlen(key) != 24)
        return 0;
    int length = snprintf(joined, sizeof joined, "%s" GUID, key);
    sha1((const uint8_t *)joined, (size_t)length, digest);
    write_base64(digest, accept);
    return (size_t)snprintf(out, size,
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: %s\r\n%s%s%s\r\n",
                            accept, extension[0] != 0 ? "Sec-WebSocket-Extensions: " : "", extension,
                            extension[0] != 0 ? "\r\n" : "");
}
