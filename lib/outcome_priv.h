/* Between outcome.c and outcome_callback.c: how an outcome gets its end. Nobody else's. */
#ifndef VF_OUTCOME_PRIV_H
#define VF_OUTCOME_PRIV_H

#include "outcome.h"

/* Takes error. */
void outcome__fail(struct outcome *outcome, char *error);
/* With value, cleaned, as its result. Takes a reference of its own to value, which it changes. */
void outcome__complete(const struct vendor *vendor, struct json_object *value, struct outcome *outcome);
/* With what the vendor file has for a vendor that has nothing. */
void outcome__no_data(const struct vendor *vendor, struct outcome *outcome);
/* Appends to the error which rule of the vendor file says so. */
void outcome__add_place(struct outcome *outcome, const char *rules, size_t index);

#endif
