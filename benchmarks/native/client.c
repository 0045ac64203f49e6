#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum { READ_SIZE = 256 << 10, SOURCES = 250, PARTS = 3 };

static uint8_t read_buffer[READ_SIZE];

uint64_t now_nanoseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static enum outcome fail(struct shared *shared, const char *error)
{
    shared->error = error;
    return OUTCOME_FAILED;
}

static void watch(struct shared *shared, struct client *client, uint32_t interest)
{
    if (client->interest == interest)
        return;
    struct epoll_event event = {.events = interest, .data.ptr = client};
    epoll_ctl(shared->epoll, client->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, client->stream.fd, &event);
    client->interest = interest;
}

/* 28,000 ports of one address are not enough for 10 s of handshakes, since closed connections linger. */
static void choose_source(const struct options *options, int fd, unsigned number)
{
    int on = 1;
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7F000001u + number % SOURCES)};
    if (options->rotates_sources) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
            return; /* then the kernel chooses */
    }
}

bool client_open(struct shared *shared, struct client *client, uint64_t now)
{
    static unsigned opened;
    const struct options *options = shared->options;
    int on = 1;
    int fd = socket(options->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    uint64_t *sent_at = client->sent_at;
    struct inflater *inflater = client->receiver.inflater;
    *client = (struct client){.number = client->number, .sent_at = sent_at, .began = now};
    inflater_free(inflater);
    stream_open(&client->stream, fd);
    if (options->address.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    choose_source(options, fd, opened++);
    int done = connect(fd, (const struct sockaddr *)&options->address, options->address_size);
    if (done != 0 && errno != EINPROGRESS) {
        stream_close(&client->stream);
        return false;
    }
    client->stage = STAGE_CONNECTING;
    watch(shared, client, EPOLLOUT);
    return true;
}

void client_close(struct client *client)
{
    stream_close(&client->stream);
    free(client->head);
    client->head = NULL;
    client->interest = 0;
    client->stage = STAGE_CLOSED;
}

static enum outcome send_request(struct shared *shared, struct client *client)
{
    const struct options *options = shared->options;
    char request[2048], offer[EXTENSION_MAX];
    bool has_parameters = options->deflate != NULL && options->deflate[0] != 0;
    if (options->deflate != NULL) {
        strcpy(offer, has_parameters ? "permessage-deflate; " : "permessage-deflate");
        strncat(offer, options->deflate, sizeof offer - strlen(offer) - 1);
    }
    size_t size = handshake_write_request(request, sizeof request, options->host, options->path,
                                          options->deflate != NULL ? offer : NULL);
    struct iovec part = {request, size};
    if (size >= sizeof request || stream_write(&client->stream, &part, 1) != (ssize_t)size)
        return fail(shared, "the request could not be sent at once");
    client->head = malloc(HANDSHAKE_HEAD_MAX + 1);
    client->head_have = 0;
    client->stage = STAGE_ANSWER;
    watch(shared, client, EPOLLIN);
    return OUTCOME_NONE;
}

static enum outcome go_on_opening(struct shared *shared, struct client *client)
{
    if (client->stage == STAGE_CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(client->stream.fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0)
            return fail(shared, strerror(error));
        if (!shared->options->tls)
            return send_request(shared, client);
        stream_start_tls(&client->stream, false);
        client->stage = STAGE_TLS;
    }
    bool wants_write = false;
    int done = stream_handshake(&client->stream, &wants_write);
    if (done < 0)
        return fail(shared, "the TLS handshake failed");
    if (done > 0)
        return send_request(shared, client);
    watch(shared, client, wants_write ? EPOLLOUT : EPOLLIN);
    return OUTCOME_NONE;
}

static enum outcome accept_terms(struct shared *shared, struct client *client)
{
    struct deflate_terms terms;
    char extension[EXTENSION_MAX];
    const struct options *options = shared->options;
    const char *error = handshake_read_answer((const char *)client->head, &terms, extension);
    if (error != NULL)
        return fail(shared, error);
    if (!shared->answered) {
        shared->answered = true;
        shared->terms = terms;
        memcpy(shared->extension, extension, sizeof extension);
        tape_build(&shared->tape, options->kind, options->size, options->depth, &terms);
    } else if (strcmp(extension, shared->extension) != 0) {
        return fail(shared, "the server agreed on other parameters than before");
    }
    if (options->mode != MODE_RECEIVE)
        client->receiver.tape = &shared->tape;
    client->receiver.check = options->check;
    if (terms.agreed)
        client->receiver.inflater = inflater_new(terms.server_window_bits, !terms.server_no_context_takeover);
    client->stage = STAGE_OPEN;
    return OUTCOME_OPENED;
}

static void queue_control(struct client *client, uint8_t opcode, const uint8_t *payload, size_t size)
{
    static const uint8_t key[4] = {0x12, 0x34, 0x56, 0x78};
    size_t head = frame_write_head(client->control, (uint8_t)(FRAME_FIN | opcode), size, key);
    frame_mask(client->control + head, payload, size, key);
    client->control_size = (uint8_t)(head + size);
}

/* Takes everything that came; counts messages in `received_now`. */
static enum outcome take(struct shared *shared, struct client *client, const uint8_t *data, size_t size)
{
    struct receiver *receiver = &client->receiver;
    size_t used = 0;
    for (;;) {
        switch (receiver_take(receiver, data, size, &used)) {
        case RECEIVER_MORE:
            return OUTCOME_NONE;
        case RECEIVER_MESSAGE:
            client->received_now++;
            break;
        case RECEIVER_PING:
            queue_control(client, OPCODE_PONG, receiver->control, receiver->control_size);
            break;
        case RECEIVER_CLOSE:
            return client->stage == STAGE_CLOSING ? OUTCOME_CLOSED : fail(shared, "the server closed the connection");
        case RECEIVER_BROKEN:
            return fail(shared, receiver->error);
        }
    }
}

static enum outcome read_answer(struct shared *shared, struct client *client)
{
    ssize_t taken =
        stream_read(&client->stream, client->head + client->head_have, HANDSHAKE_HEAD_MAX - client->head_have);
    if (taken == STREAM_BLOCKED)
        return OUTCOME_NONE;
    if (taken <= 0)
        return fail(shared, "the server closed the connection during the handshake, or its answer is too long");
    client->head_have += (size_t)taken;
    size_t size = handshake_head_size(client->head, client->head_have);
    if (size == 0)
        return OUTCOME_NONE;
    /* A copy, since the head is ended by a zero where the first frame may begin. */
    size_t early = client->head_have - size;
    memcpy(read_buffer, client->head + size, early);
    client->head[size] = 0;
    enum outcome outcome = accept_terms(shared, client);
    free(client->head);
    client->head = NULL;
    if (outcome == OUTCOME_OPENED && early != 0 && take(shared, client, read_buffer, early) == OUTCOME_FAILED)
        return OUTCOME_FAILED;
    return outcome;
}

static enum outcome read_messages(struct shared *shared, struct client *client)
{
    enum outcome outcome = OUTCOME_NONE;
    client->received_now = 0;
    for (;;) {
        ssize_t taken = stream_read(&client->stream, read_buffer, sizeof read_buffer);
        if (taken == STREAM_BLOCKED)
            break;
        if (taken <= 0)
            return client->stage == STAGE_CLOSING ? OUTCOME_CLOSED : fail(shared, "the server dropped the connection");
        shared->bytes_in += (uint64_t)taken;
        outcome = take(shared, client, read_buffer, (size_t)taken);
        /* TLS may hold back what epoll cannot see; a plain socket reports again. */
        if (outcome != OUTCOME_NONE || client->stream.tls == NULL)
            break;
    }
    if (outcome == OUTCOME_NONE && client->control_size != 0)
        outcome = client_flush(shared, client);
    client->received += client->received_now;
    return outcome == OUTCOME_NONE && client->received_now != 0 ? OUTCOME_MESSAGES : outcome;
}

void client_grant(struct shared *shared, struct client *client, unsigned count, uint64_t now)
{
    unsigned depth = shared->options->depth;
    client->credit += count;
    for (unsigned i = 0; i < count; i++)
        client->sent_at[client->granted++ % depth] = now;
}

static int collect(const struct shared *shared, const struct client *client, struct iovec parts[PARTS])
{
    const struct tape *tape = &shared->tape;
    int count = 0;
    if (client->control_size != 0 && client->send_offset == 0)
        parts[count++] = (struct iovec){(void *)client->control, client->control_size};
    if (client->credit == 0)
        return count;
    uint64_t first = tape->frames - client->send_frame;
    if (first > client->credit)
        first = client->credit;
    size_t start = tape->starts[client->send_frame] + client->send_offset;
    size_t end = tape->starts[client->send_frame + first];
    parts[count++] = (struct iovec){tape->bytes + start, end - start};
    uint64_t second = client->credit - first;
    if (second > tape->frames - tape->again)
        second = tape->frames - tape->again;
    if (second != 0) {
        start = tape->starts[tape->again];
        parts[count++] = (struct iovec){tape->bytes + start, tape->starts[tape->again + second] - start};
    }
    return count;
}

static void advance(const struct tape *tape, struct client *client, size_t taken)
{
    while (client->credit != 0) {
        size_t left = tape->starts[client->send_frame + 1] - tape->starts[client->send_frame] - client->send_offset;
        if (taken < left) {
            client->send_offset += taken;
            return;
        }
        taken -= left;
        client->send_offset = 0;
        client->send_frame = tape_next(tape, client->send_frame);
        client->credit--;
    }
}

enum outcome client_flush(struct shared *shared, struct client *client)
{
    struct iovec parts[PARTS];
    int count;
    while ((count = collect(shared, client, parts)) != 0) {
        ssize_t taken = stream_write(&client->stream, parts, count);
        if (taken == STREAM_FAILED)
            return client->stage == STAGE_CLOSING ? OUTCOME_NONE : fail(shared, "the server dropped the connection");
        if (taken == STREAM_BLOCKED)
            break;
        shared->bytes_out += (uint64_t)taken;
        if (client->control_size != 0 && client->send_offset == 0) {
            /* 139 bytes at most: a kernel that takes less of them has no room for anything. */
            if (taken < client->control_size)
                return fail(shared, "a control frame was torn");
            taken -= client->control_size;
            client->control_size = 0;
        }
        advance(&shared->tape, client, (size_t)taken);
    }
    watch(shared, client, count != 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return OUTCOME_NONE;
}

enum outcome client_say_goodbye(struct shared *shared, struct client *client)
{
    static const uint8_t code[2] = {1000 >> 8, 1000 & 0xFF};
    client->stage = STAGE_CLOSING;
    queue_control(client, OPCODE_CLOSE, code, sizeof code);
    return client_flush(shared, client);
}

enum outcome client_on_event(struct shared *shared, struct client *client, uint32_t events)
{
    switch (client->stage) {
    case STAGE_CONNECTING:
    case STAGE_TLS:
        return go_on_opening(shared, client);
    case STAGE_ANSWER:
        return read_answer(shared, client);
    case STAGE_OPEN:
    case STAGE_CLOSING: {
        enum outcome outcome = OUTCOME_NONE;
        if (events & EPOLLOUT)
            outcome = client_flush(shared, client);
        if (outcome == OUTCOME_NONE && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            outcome = read_messages(shared, client);
        return outcome;
    }
    case STAGE_FREE:
    case STAGE_CLOSED:
        break;
    }
    return OUTCOME_NONE;
}
