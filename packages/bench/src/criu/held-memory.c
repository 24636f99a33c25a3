/*
 * A process with much memory that does not compress, in pages of 4 KiB, which then stands still.
 *
 * Argument: MiB. Says "ready" on its standard output, and lets go of that: nothing of it leads elsewhere.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	size_t size = strtoul(argv[1], NULL, 10) << 20;
	uint64_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t random = 88172645463325252ULL;

	if (memory == MAP_FAILED || madvise(memory, size, MADV_NOHUGEPAGE) != 0) {
		perror("memory");
		return 1;
	}
	/* xorshift64 */
	for (size_t i = 0; i < size / sizeof(*memory); i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		memory[i] = random;
	}
	int nowhere = open("/dev/null", O_RDWR);

	if (nowhere < 0 || write(STDOUT_FILENO, "ready\n", 6) != 6 || dup2(nowhere, STDOUT_FILENO) < 0)
		return 1;
	close(nowhere);
	for (;;)
		pause();
}
