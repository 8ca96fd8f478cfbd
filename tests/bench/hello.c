/* hello.fcgi, a baseline: what lighttpd and libfcgi allow a program that does nothing.
 *
 * Takes the place of vendorfetch.fcgi in a stack: same lighttpd, socket, multiwatch, settings (and so as many
 * threads). Each thread blocks in FCGX_Accept_r(), reads the request to its end and answers a few bytes.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "log.h"
#include "settings.h"

#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { PIECE_BYTES = 16 << 10 };

static const char answer[] = "Status: 200 OK\r\nContent-Type: application/json\r\n\r\n{\"status\":\"hello\"}\n";

static void *serve(void *arg)
{
	char piece[PIECE_BYTES];
	FCGX_Request request;

	(void)arg;
	FCGX_InitRequest(&request, STDIN_FILENO, 0);
	while (FCGX_Accept_r(&request) == 0) {
		while (FCGX_GetStr(piece, sizeof(piece), request.in) > 0)
			;
		FCGX_PutStr(answer, sizeof(answer) - 1, request.out);
		FCGX_Finish_r(&request);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct settings settings;
	pthread_t thread;

	settings_load(argc, argv, "hello.fcgi", "answers a few bytes, for benchmarks", &settings);
	log_init("hello.fcgi", settings.log_level);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (FCGX_Init() != 0)
		return 1;
	signal(SIGUSR1, SIG_DFL);   /* multiwatch's word for "leave"; libfcgi has a handler that only takes note */
	for (int64_t i = 0; i < settings.api_threads; i++)
		if (pthread_create(&thread, NULL, serve, NULL) != 0) {
			log_error("cannot start a thread");
			return 1;
		}
	pthread_join(thread, NULL);
	return 0;
}
