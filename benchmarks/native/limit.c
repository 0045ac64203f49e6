/* The limit server: the least that a WebSocket server has to do, so that what is left is the kernel's cost.
 *
 * One thread, one epoll. What one read event brings is answered with one write; a message of 64 KiB and more goes out
 * of the buffer it came into. It trusts its clients, knows no limits and checks no UTF-8: a mark to compare with. */
#include <getopt.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "frame.h"
#include "handshake.h"
#include "listening.h"
#include "peer.h"

enum mode { MODE_ECHO, MODE_BROADCAST, MODE_SINK };

enum { EVENTS_MAX = 512, READ_SIZE = 256 << 10, LARGE = 64 << 10, INFLATED_MAX = 4 << 20 };

static struct {
    enum mode mode;
    int deflate_level; /* 0: no permessage-deflate */
    bool context_takeover;
    bool tls;
    int epoll;
    int listener;
    struct peer **peers;
    unsigned count;
    unsigned room;
    struct buffer turn; /* frames to send at the end of the event */
} server = {.context_takeover = true};

static uint8_t read_buffer[READ_SIZE];
static uint8_t inflated[INFLATED_MAX];

static void watch(struct peer *peer)
{
    /* A peer that does not read is not read from. */
    uint32_t interest = peer_is_blocked(peer) ? EPOLLOUT : EPOLLIN;
    if (peer->interest == interest)
        return;
    struct epoll_event event = {.events = interest, .data.ptr = peer};
    epoll_ctl(server.epoll, peer->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, peer->stream.fd, &event);
    peer->interest = interest;
}

static void add_peer(int fd)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (server.count == server.room) {
        server.room = server.room != 0 ? server.room * 2 : 64;
        server.peers = realloc(server.peers, server.room * sizeof *server.peers);
    }
    if (peer == NULL || server.peers == NULL)
        abort();
    stream_open(&peer->stream, fd);
    if (server.tls)
        stream_start_tls(&peer->stream, true);
    peer->encrypted = !server.tls;
    peer->number = server.count;
    server.peers[server.count++] = peer;
    watch(peer);
}

static void drop(struct peer *peer)
{
    server.peers[peer->number] = server.peers[--server.count];
    server.peers[peer->number]->number = peer->number;
    stream_close(&peer->stream);
    buffer_free(&peer->in);
    buffer_free(&peer->out);
    deflater_free(peer->deflater);
    inflater_free(peer->inflater);
    free(peer);
}

static void accept_all(void)
{
    int on = 1;
    for (int fd; (fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        add_peer(fd);
    }
}

/* --- frames --- */

static void add_frame(uint8_t first, const uint8_t *payload, size_t size, const uint8_t *key)
{
    buffer_reserve(&server.turn, FRAME_HEAD_MAX + size);
    uint8_t *out = server.turn.data + server.turn.have;
    size_t head = frame_write_head(out, first, size, NULL);
    if (key != NULL)
        frame_mask(out + head, payload, size, key);
    else
        memcpy(out + head, payload, size);
    server.turn.have += head + size;
}

static bool end_turn(struct peer *peer)
{
    bool lives = peer_send(peer, NULL, 0, server.turn.data, server.turn.have);
    server.turn.have = 0;
    return lives;
}

static bool echo_large(struct peer *peer, uint8_t first, uint8_t *payload, size_t size, const uint8_t *key)
{
    uint8_t head[FRAME_HEAD_MAX];
    size_t head_size = frame_write_head(head, first, size, NULL);
    frame_mask(payload, payload, size, key);
    return end_turn(peer) && peer_send(peer, head, head_size, payload, size);
}

static bool echo_compressed(struct peer *peer, uint8_t first, uint8_t *payload, size_t size, const uint8_t *key)
{
    frame_mask(payload, payload, size, key);
    ssize_t whole = inflater_feed(peer->inflater, payload, size, inflated, sizeof inflated);
    ssize_t end = whole < 0 ? -1 : inflater_finish(peer->inflater, inflated + whole, sizeof inflated - (size_t)whole);
    if (end < 0)
        return false;
    size_t length = (size_t)(whole + end), room = deflater_bound(length);
    uint8_t *out = malloc(room);
    size_t compressed = out != NULL ? deflater_run(peer->deflater, inflated, length, out, room) : 0;
    if (compressed != 0)
        add_frame(first, out, compressed, NULL);
    free(out);
    return compressed != 0;
}

static bool on_frame(struct peer *peer, const struct frame_head *head, uint8_t *payload)
{
    uint8_t opcode = head->first & FRAME_OPCODE;
    size_t size = (size_t)head->length;
    if (opcode == OPCODE_PONG)
        return true;
    if (opcode == OPCODE_CLOSE)
        peer->closing = true;
    if (frame_is_control(head->first)) {
        uint8_t first = FRAME_FIN | (opcode == OPCODE_PING ? OPCODE_PONG : OPCODE_CLOSE);
        frame_mask(payload, payload, size, head->key);
        uint8_t answer[FRAME_HEAD_MAX];
        if (server.mode != MODE_BROADCAST)
            add_frame(first, payload, size, NULL);
        else /* the turn is for everybody */
            return peer_send(peer, answer, frame_write_head(answer, first, size, NULL), payload, size);
        return true;
    }
    if (server.mode == MODE_SINK)
        return true;
    if (head->first & FRAME_RSV1)
        return peer->inflater != NULL && head->first & FRAME_FIN &&
               echo_compressed(peer, head->first, payload, size, head->key);
    if (size >= LARGE && server.mode == MODE_ECHO)
        return echo_large(peer, head->first, payload, size, head->key);
    add_frame(head->first, payload, size, head->key);
    return true;
}

/* Returns how many bytes were used, -1 when the connection has to end. */
static ssize_t take_frames(struct peer *peer, uint8_t *data, size_t size)
{
    size_t used = 0;
    while (!peer->closing) {
        struct frame_head head;
        int head_size = frame_read_head(data + used, size - used, &head);
        if (head_size < 0 || (head_size > 0 && !head.masked))
            return -1;
        if (head_size == 0 || size - used - (size_t)head_size < head.length)
            return (ssize_t)used;
        if (!on_frame(peer, &head, data + used + head_size))
            return -1;
        used += (size_t)head_size + (size_t)head.length;
    }
    return (ssize_t)size;
}

static ssize_t take_request(struct peer *peer, const uint8_t *data, size_t size)
{
    char head[HANDSHAKE_HEAD_MAX + 1], answer[1024], offer[EXTENSION_MAX], extension[EXTENSION_MAX] = "";
    size_t head_size = handshake_head_size(data, size);
    if (head_size == 0)
        return size < HANDSHAKE_HEAD_MAX ? 0 : -1;
    if (head_size > HANDSHAKE_HEAD_MAX)
        return -1;
    memcpy(head, data, head_size);
    head[head_size] = 0;
    if (server.deflate_level != 0 && handshake_header(head, "Sec-WebSocket-Extensions", offer, sizeof offer) &&
        strstr(offer, "permessage-deflate") != NULL) {
        strcpy(extension, "permessage-deflate");
        if (!server.context_takeover)
            strcat(extension, "; client_no_context_takeover; server_no_context_takeover");
        peer->deflater = deflater_new(server.deflate_level, 15, server.context_takeover);
        peer->inflater = inflater_new(15, server.context_takeover);
    }
    size_t answer_size = handshake_write_answer(answer, sizeof answer, head, extension);
    if (answer_size == 0 || !peer_send(peer, NULL, 0, answer, answer_size))
        return -1;
    peer->open = true;
    return (ssize_t)head_size;
}

static ssize_t take(struct peer *peer, uint8_t *data, size_t size)
{
    if (peer->open)
        return take_frames(peer, data, size);
    ssize_t used = take_request(peer, data, size);
    if (used <= 0)
        return used;
    ssize_t more = take_frames(peer, data + used, size - (size_t)used);
    return more < 0 ? -1 : used + more;
}

/* --- events --- */

/* The whole of a large frame has room, so that it is read in few pieces and never moved. */
static void make_room(struct peer *peer)
{
    struct frame_head head;
    struct buffer *in = &peer->in;
    int head_size = peer->open ? frame_read_head(in->data, in->have, &head) : 0;
    size_t whole = head_size > 0 ? (size_t)head_size + (size_t)head.length : 0;
    buffer_reserve(in, whole > in->have + 4096 ? whole - in->have : 4096);
}

static bool end_event(struct peer *peer)
{
    if (server.mode != MODE_BROADCAST)
        return end_turn(peer);
    for (unsigned i = 0; i < server.count; i++) {
        struct peer *other = server.peers[i];
        /* Who cannot be written to will be dropped by its own event. */
        if (other->open && !other->closing && peer_send(other, NULL, 0, server.turn.data, server.turn.have))
            watch(other);
    }
    server.turn.have = 0;
    return true;
}

/* Returns 1 when there may be more, 0 when there is not, -1 when the connection has to end. */
static int read_once(struct peer *peer)
{
    struct buffer *in = &peer->in;
    bool shared = in->have == 0;
    if (!shared)
        make_room(peer);
    uint8_t *data = shared ? read_buffer : in->data;
    ssize_t taken = stream_read(&peer->stream, data + in->have, (shared ? sizeof read_buffer : in->room) - in->have);
    if (taken == STREAM_BLOCKED)
        return 0;
    if (taken <= 0)
        return -1;
    size_t size = in->have + (size_t)taken;
    ssize_t used = take(peer, data, size);
    if (used < 0)
        return -1;
    size_t left = size - (size_t)used;
    in->have = 0;
    if (shared)
        buffer_add(in, data + used, left);
    else
        memmove(in->data, in->data + used, left);
    in->have = left;
    return !end_event(peer) ? -1 : peer->stream.tls != NULL;
}

static bool on_readable(struct peer *peer)
{
    int more = 1;
    while (more > 0 && !peer->closing && !peer_is_blocked(peer))
        more = read_once(peer);
    return more >= 0 && !(peer->closing && !peer_is_blocked(peer));
}

static bool on_event(struct peer *peer, uint32_t events)
{
    if (!peer->encrypted) {
        bool wants_write;
        int done = stream_handshake(&peer->stream, &wants_write);
        if (done <= 0)
            return done == 0;
        peer->encrypted = true;
    }
    if (peer_is_blocked(peer)) {
        if (!peer_flush(peer) || (peer->closing && !peer_is_blocked(peer)))
            return false;
        /* TLS may have read more than was taken. */
        return peer_is_blocked(peer) || peer->stream.tls == NULL || on_readable(peer);
    }
    return !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || on_readable(peer);
}

static void run(void)
{
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int count = epoll_wait(server.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            struct peer *peer = events[i].data.ptr;
            if (peer == NULL) {
                accept_all();
            } else if (on_event(peer, events[i].events)) {
                watch(peer);
            } else {
                server.turn.have = 0;
                drop(peer);
            }
        }
    }
}

/* --- the command line --- */

static _Noreturn void fail(const char *text)
{
    fprintf(stderr,
            "%s\nusage: limit [--port N | --unix PATH] [--mode echo|broadcast|sink|idle] [--deflate LEVEL"
            " [--no-context]] [--tls-cert FILE --tls-key FILE]\n",
            text);
    exit(2);
}

static void read_mode(const char *text)
{
    if (strcmp(text, "broadcast") == 0)
        server.mode = MODE_BROADCAST;
    else if (strcmp(text, "sink") == 0)
        server.mode = MODE_SINK;
    else if (strcmp(text, "echo") != 0 && strcmp(text, "idle") != 0)
        fail("--mode: echo, broadcast, sink or idle");
}

int main(int count, char **arguments)
{
    static const struct option table[] = {{"port", 1, 0, 'p'},     {"unix", 1, 0, 'u'},     {"mode", 1, 0, 'm'},
                                          {"deflate", 1, 0, 'd'},  {"no-context", 0, 0, 'n'}, {"tls-cert", 1, 0, 'c'},
                                          {"tls-key", 1, 0, 'k'},  {0, 0, 0, 0}};
    const char *certificate = NULL, *key = NULL, *unix_path = NULL, *error = NULL;
    unsigned port = 0;
    for (int found; (found = getopt_long(count, arguments, "", table, NULL)) != -1;) {
        switch (found) {
        case 'p': port = (unsigned)atoi(optarg); break;
        case 'u': unix_path = optarg; break;
        case 'm': read_mode(optarg); break;
        case 'd': server.deflate_level = atoi(optarg); break;
        case 'n': server.context_takeover = false; break;
        case 'c': certificate = optarg; break;
        case 'k': key = optarg; break;
        default: fail("wrong arguments");
        }
    }
    if (optind != count || port > 65535 || (certificate == NULL) != (key == NULL))
        fail("wrong arguments");
    if (server.deflate_level != 0 && !deflate_is_available())
        fail("--deflate: this program was built without zlib");
    server.tls = certificate != NULL;
    if (server.tls && (error = stream_prepare_tls(certificate, key)) != NULL)
        fail(error);
    /* Buffers of a size that comes again are kept instead of given back to the system and fetched afresh. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    server.listener = listening_open(port, unix_path);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (server.epoll < 0 || server.listener < 0 ||
        epoll_ctl(server.epoll, EPOLL_CTL_ADD, server.listener, &event) != 0) {
        perror("listening");
        return 1;
    }
    run();
}
