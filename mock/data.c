#include "data.h"

#include <time.h>

#include "util.h"

static const char *const first_names[] = { "Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Radia", "Dennis" };
static const char *const last_names[] = { "Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Perlman",
	                                  "Ritchie" };
static const char *const streets[] = { "Analytical Row", "Compiler Lane", "Bletchley Park Road", "Structured Way" };
static const struct { const char *city, *postcode, *country; } places[] = {
	{ "London", "N1 9GU", "GB" },   { "Arlington", "22201", "US" }, { "Nuenen", "5671 AA", "NL" },
	{ "Madison", "53703", "US" },   { "Torino", "10121", "IT" },    { "Kyoto", "600-8216", "JP" },
};

/* The next number below `below` out of the seed. */
static unsigned pick(struct rng *rng, size_t below)
{
	return (unsigned)(rng_next(rng) % below);
}

/* A day of 2026, so that the answer does not depend on when it is given. */
static void add_checked_at(struct buf *out, struct rng *rng)
{
	time_t at = 1767225600 + (time_t)pick(rng, 300 * 86400);
	struct tm utc;
	char text[32];

	gmtime_r(&at, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	buf_addf(out, ",\"checked_at\":\"%s\"", text);
}

/* The blanks around the strings and the ssn are there on purpose: they are what trim_strings and remove are for. */
void data_add(struct buf *out, uint64_t seed, const char *received, size_t received_len)
{
	struct rng rng = { seed };
	const char *first = first_names[pick(&rng, ARRAY_LEN(first_names))];
	const char *last = last_names[pick(&rng, ARRAY_LEN(last_names))];
	const char *street = streets[pick(&rng, ARRAY_LEN(streets))];
	size_t place = pick(&rng, ARRAY_LEN(places));
	unsigned score = 300 + pick(&rng, 551), ssn = pick(&rng, 10000), house = 1 + pick(&rng, 199);

	buf_addf(out, "{\"full_name\":\" %s %s \",\"email\":\" %s@Example.com\",\"score\":%u,\"ssn\":\"078-05-%04u\"",
	         first, last, first, score, ssn);
	buf_addf(out, ",\"address\":{\"street\":\"%u %s \",\"city\":\" %s\",\"postcode\":\"%s\",\"country\":\"%s\"}",
	         house, street, places[place].city, places[place].postcode, places[place].country);
	add_checked_at(out, &rng);
	if (received_len <= DATA_ECHO_MAX && json_is_document(received, received_len)) {
		buf_add_str(out, ",\"received\":");
		buf_add(out, received, received_len);
	}
	buf_add_str(out, "}");
}
