/* For tests: time zones that no file has. Include after cmocka.h. */
#ifndef VF_TEST_ZONE_BYTES_H
#define VF_TEST_ZONE_BYTES_H

#include <stdint.h>
#include <string.h>

#include "time_zone.h"

/* The bytes of a TZif file (version 2) with this one offset and this rule, written into bytes; gives their number. */
static inline size_t zone_bytes(unsigned char *bytes, int32_t offset, const char *rule)
{
	static const unsigned char header[44] = { 'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 4 };   /* one type, four letters */
	size_t len = 0;

	for (int part = 0; part < 2; part++) {
		memcpy(bytes + len, header, sizeof(header));
		len += sizeof(header);
		for (int shift = 24; shift >= 0; shift -= 8)
			bytes[len++] = (unsigned char)((uint32_t)offset >> shift);
		memcpy(bytes + len, "\0\0ABC", 6);
		len += 6;
	}
	bytes[len++] = '\n';
	memcpy(bytes + len, rule, strlen(rule));
	len += strlen(rule);
	bytes[len++] = '\n';
	return len;
}

/* A zone that goes by this POSIX rule at all times. */
static inline struct time_zone *zone_of_rule(const char *rule)
{
	unsigned char bytes[1024];
	size_t len = zone_bytes(bytes, 0, rule);
	struct time_zone *zone = NULL;
	struct err_text why = { "" };

	if (time_zone_parse(bytes, len, &zone, &why) != ERR_OK)
		fail_msg("%s: %s", rule, why.text);
	return zone;
}

#endif
