#include "mistakes.h"

#include <stdlib.h>

void mistakes_show(void *arg, const struct vendor_mistake *mistake)
{
	struct mistakes_shown *shown = arg;
	char *line = vendor_mistake_line(mistake, !shown->strict);

	shown->count += !mistake->warning || shown->strict;
	fprintf(shown->out, "%s\n", line);
	free(line);
}
