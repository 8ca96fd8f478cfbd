/* A vendor for tests of the loop: an HTTP server of a few dozen lines whose path says how it behaves. A
 * thread a connection.
 *
 *   /ok       200 with {"data":1}, keeps the connection
 *   /slow     the same after TINY_HTTP_SLOW_MS
 *   /once     200, but closes without an answer at the second request of a connection
 *   /hang     never answers
 *   /endless  200 and a body without end
 *   /refuse   500 and a body without end
 *   /headers  200 and headers without end
 *   /line     200 and a header without end
 *   /later    429 with Retry-After: 7
 *   /unauthorized  401
 *   /room     200 with X-RateLimit-Remaining: 5 and X-RateLimit-Reset: 20
 *   /spent    the same with nothing left, after a 100 with other headers; /spent-slow after TINY_HTTP_SLOW_MS
 *   /odd      the same with headers that make no sense
 *   /at/...   as /ok, whatever follows
 *   /submit   202 with Location: /asked
 *   /asked    200, but 400 to anything but a GET without body and Idempotency-Key
 *   /token    200 with the access token T<n>, n being the number of requests until then
 */
#ifndef VF_TEST_TINY_HTTP_H
#define VF_TEST_TINY_HTTP_H

enum { TINY_HTTP_SLOW_MS = 300 };

struct tiny_http;

/* Ends the test program if it cannot be started. */
struct tiny_http *tiny_http_start(void);
/* Ends its threads and connections. */
void tiny_http_free(struct tiny_http *http);

/* http://127.0.0.1:<port><path>; owned by the server, good until the next call. */
const char *tiny_http_url(struct tiny_http *http, const char *path);
/* Requests that arrived in whole. */
int tiny_http_requests(struct tiny_http *http);
int tiny_http_connections(struct tiny_http *http);
/* The last of them as it came, head and body; owned by the server, good until the next request. Of use when it was answered. */
const char *tiny_http_last(struct tiny_http *http);

#endif
