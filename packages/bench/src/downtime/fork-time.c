/*
 * How long fork() holds up a process with much touched memory, in pages of 4 KiB.
 *
 * Arguments: MiB, forks. Prints the microseconds of each, after one that warms up.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static double fork_us(void)
{
	double start = now_us();
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	double took = now_us() - start;

	if (child < 0 || waitpid(child, NULL, 0) < 0) {
		perror("fork");
		exit(1);
	}
	return took;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	size_t size = strtoul(argv[1], NULL, 10) << 20;
	int forks = atoi(argv[2]);
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || madvise(memory, size, MADV_NOHUGEPAGE) != 0) {
		perror("memory");
		return 1;
	}
	memset(memory, 1, size);
	fork_us();
	for (int i = 0; i < forks; i++)
		printf("%.1f\n", fork_us());
	return 0;
}
