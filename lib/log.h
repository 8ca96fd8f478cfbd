/* One line per event on stderr: time, level, program, text.
 *
 * The text is a short sentence followed by key=value pairs. What is not printable (utf8_printable()) is written as \xNN, so a
 * line cannot be forged by what came from outside, nor look like another. Neither can a pair: a value in quotation marks has
 * those within it, and backslashes, behind a backslash; one that is written key=%s gets marks if it is not one word. A line
 * is cut at 2 KiB. Secrets never go in. Thread-safe (one write(2) a line).
 */
#ifndef VF_LOG_H
#define VF_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* program is borrowed for the life of the process. level is one of error, warn, info, debug (anything else: info). */
void log_init(const char *program, const char *level);

/* fmt is printf's, with %s, %d, %lld, %u, %llu, %zu and %% alone. */
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
