/* Texts without a vendor's secrets, for whoever shows what goes to a vendor and what comes back.
 *
 * A secret is found wherever it stands, also percent-encoded, as a form has it, escaped in JSON, and in base64: vendors echo
 * what they were sent. What is as long as one letter is hidden, too: rather too much than too little. Thread-safe.
 */
#ifndef VF_REDACT_H
#define VF_REDACT_H

#include "vendor.h"

#include <stddef.h>

#define REDACTED "***"

struct redaction;

/* Of the vendor's secrets, which it copies. */
struct redaction *redaction_new(const struct vendor *vendor);
/* NULL is fine. Wipes them. */
void redaction_free(struct redaction *redaction);

/* One more text that is not to be shown. */
void redaction_add(struct redaction *redaction, const char *secret, size_t len);

/* A copy with REDACTED in the place of each; the caller owns it. *out_len may be NULL. */
char *redaction_apply(const struct redaction *redaction, const char *text, size_t len, size_t *out_len);

#endif
