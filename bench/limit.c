/*
 * The limit: what the kernel alone costs. Answers READ of one file by pread and QUERY_INFO by fstat, and sends
 * all the answers to what came together in one call; there are no sessions, shares, locks or users in it.
 * Requests and answers are those of MS-SMB2 2.2.19, 2.2.20, 2.2.37 and 2.2.38, so that the same client asks.
 * usage: limit FILE; prints the port that it listens on, and ends with its input.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER = 64, READ = 8, QUERY_INFO = 16, READ_BODY = 16, INFO_BODY = 8, ALL_INFORMATION = 104 };
enum { RECEIVE = 64 * 1024, SEND = 10 * 1024 * 1024 };

static uint8_t received[RECEIVE];
static uint8_t *answers;
static size_t used;

static void broken(const char *what) {
	perror(what);
	exit(1);
}

static uint16_t get16(const uint8_t *at) { uint16_t v; memcpy(&v, at, 2); return v; }
static uint32_t get32(const uint8_t *at) { uint32_t v; memcpy(&v, at, 4); return v; }
static uint64_t get64(const uint8_t *at) { uint64_t v; memcpy(&v, at, 8); return v; }
static void put16(uint8_t *at, uint16_t v) { memcpy(at, &v, 2); }
static void put32(uint8_t *at, uint32_t v) { memcpy(at, &v, 4); }
static void put64(uint8_t *at, uint64_t v) { memcpy(at, &v, 8); }

static void flush(int fd) {
	for (size_t sent = 0; sent < used;) {
		ssize_t n = send(fd, answers + sent, used - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) break;	/* the next recv tells that the client is gone */
		sent += n;
	}
	used = 0;
}

/* The body behind the header: its length, or -1 for a request that is not answered here. */
static long answer(const uint8_t *request, size_t length, uint8_t *body, int file) {
	const uint8_t *asked = request + HEADER;
	if (get16(request + 12) == READ && length >= HEADER + 48) {
		uint32_t wanted = get32(asked + 4);
		if (wanted > SEND / 2) return -1;
		ssize_t count = pread(file, body + READ_BODY, wanted, get64(asked + 8));
		if (count < 0) broken("pread");
		memset(body, 0, READ_BODY);
		put16(body, 17);
		body[2] = HEADER + READ_BODY;
		put32(body + 4, count);
		return READ_BODY + count;
	}
	if (get16(request + 12) == QUERY_INFO) {
		struct stat status;
		if (fstat(file, &status) < 0) broken("fstat");
		memset(body, 0, INFO_BODY + ALL_INFORMATION);
		put16(body, 9);
		put16(body + 2, HEADER + INFO_BODY);
		put32(body + 4, ALL_INFORMATION);
		put64(body + INFO_BODY + 40, status.st_blocks * 512);
		put64(body + INFO_BODY + 48, status.st_size);
		return INFO_BODY + ALL_INFORMATION;
	}
	return -1;
}

static int serve(int fd, int file) {
	size_t have = 0;
	for (;;) {
		ssize_t n = recv(fd, received + have, RECEIVE - have, 0);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return 0;
		have += n;
		size_t at = 0;
		while (have - at >= 4) {
			size_t length = ntohl(get32(received + at)) & 0xffffff;
			if (length < HEADER || length > RECEIVE - 4) return -1;
			if (have - at < 4 + length) break;
			if (used > SEND / 2) flush(fd);
			uint8_t *frame = answers + used, *reply = frame + 4;
			const uint8_t *request = received + at + 4;
			memcpy(reply, request, HEADER);
			put32(reply + 8, 0);
			put16(reply + 14, get16(request + 6));	/* credits: as many as it cost */
			put32(reply + 16, 1);			/* SMB2_FLAGS_SERVER_TO_REDIR */
			long body = answer(request, length, reply + HEADER, file);
			if (body < 0) return -1;
			put32(frame, htonl(HEADER + body));
			used += 4 + HEADER + body;
			at += 4 + length;
		}
		memmove(received, received + at, have - at);
		have -= at;
		flush(fd);
	}
}

int main(int count, char **arguments) {
	if (count != 2) {
		fprintf(stderr, "usage: limit FILE\n");
		return 2;
	}
	int file = open(arguments[1], O_RDONLY);
	if (file < 0) broken(arguments[1]);
	answers = malloc(SEND);
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof name;
	if (!answers || listener < 0 || bind(listener, (struct sockaddr *)&name, size) < 0 || listen(listener, 8) < 0 ||
	    getsockname(listener, (struct sockaddr *)&name, &size) < 0)
		broken("listen");
	printf("%d\n", ntohs(name.sin_port));
	fflush(stdout);
	for (;;) {
		struct pollfd waiting[2] = { { .fd = listener, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
		if (poll(waiting, 2, -1) < 0 && errno != EINTR) broken("poll");
		if (waiting[1].revents) return 0;
		if (!waiting[0].revents) continue;
		int fd = accept(listener, NULL, NULL);
		if (fd < 0) continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		if (serve(fd, file) < 0) fprintf(stderr, "limit: a request that is not answered here\n");
		close(fd);
	}
}
