#include "raw_answer.h"

#include <stdlib.h>
#include <string.h>

bool raw_answer_is_type(const char *value)
{
	size_t len = strnlen(value, RAW_ANSWER_TYPE_BYTES_MAX + 1);

	for (size_t i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~')
			return false;
	return len > 0 && len <= RAW_ANSWER_TYPE_BYTES_MAX;
}

void raw_answer_free(struct raw_answer *raw)
{
	if (!raw)
		return;
	free(raw->content_type);
	free(raw->body);
	free(raw);
}
