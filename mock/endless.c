#include "endless.h"

#include "conn.h"

#define HEAD \
	"HTTP/1.1 200 OK\r\nServer: vendorfetch-mock\r\nContent-Type: application/json\r\n" \
	"Transfer-Encoding: chunked\r\n\r\n" \
	"17\r\n{\"status\":\"ok\",\"data\":\"\r\n"

enum { HEAD_LEN = sizeof(HEAD) - 1, LINE_LEN = 6 /* 3ff8, CR LF */, DATA_LEN = 0x3ff8, CHUNK_LEN = 16384 };
_Static_assert(LINE_LEN + DATA_LEN + 2 == CHUNK_LEN, "the size line says what follows it");

static const char chunk[CHUNK_LEN] = {
	'3', 'f', 'f', '8', '\r', '\n', [LINE_LEN ... LINE_LEN + DATA_LEN - 1] = 'x', '\r', '\n',
};

bool endless_send(struct conn *conn, uint64_t *at, size_t most)
{
	while (most) {
		size_t from = *at < HEAD_LEN ? (size_t)*at : (size_t)((*at - HEAD_LEN) % CHUNK_LEN);
		const char *bytes = (*at < HEAD_LEN ? HEAD : chunk) + from;
		size_t len = (*at < HEAD_LEN ? HEAD_LEN : CHUNK_LEN) - from;
		ssize_t sent = conn_send(conn, bytes, len < most ? len : most);

		if (sent <= 0)
			return sent == 0;
		*at += (uint64_t)sent;
		most -= (size_t)sent;
	}
	return true;
}
