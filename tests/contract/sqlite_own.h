/* What the files of test_store_sqlite share. */
#ifndef VF_SQLITE_OWN_H
#define VF_SQLITE_OWN_H

#include "store_contract.h"

/* A file that does not exist yet, in the program's own folder; the caller owns the URI. */
char *sqlite_fresh_uri(void);
/* Removes the file and what belongs to it. */
void sqlite_remove(const char *uri);
static inline const char *sqlite_path(const char *uri) { return uri + sizeof("sqlite:") - 1; }

enum { SQLITE_PROCESS_TESTS = 6 };
extern const struct CMUnitTest sqlite_process_tests[SQLITE_PROCESS_TESTS];

#endif
