/* Slows a DPDK port down, for tests that must know what limits a rate. Preloaded into a process, it adds callbacks to the queues of its port: they
 * run inside rte_eth_rx_burst and rte_eth_tx_burst, so that their time is that of the driver.
 *
 *   SLOW_RX_NS, SLOW_TX_NS   busy time for each frame
 *   SLOW_EMPTY_POLL_NS       time of a poll that finds no frame, as if the poll loop did something else in between
 *   SLOW_NULL=1              also with net_null ports, on which a generator is measured alone: then the generator is slow, and not its driver
 *   IDLE_QUEUES_YIELD=1      the poll loop of a queue without frames gets the CPU only when nothing else wants it (SCHED_IDLE), so that several
 *                            loops can share a CPU of a small machine
 *
 * It is not linked with DPDK: it finds the functions in the library that the process loads later. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Empty polls after which a queue counts as one without frames. */
#define EMPTY_POLLS 100000
#define MOST_QUEUES 64

typedef uint16_t rx_callback(uint16_t port, uint16_t queue, void **frames, uint16_t count, uint16_t most, void *ns);
typedef uint16_t tx_callback(uint16_t port, uint16_t queue, void **frames, uint16_t count, void *ns);

static __thread unsigned empty_polls;
static uint64_t empty_poll_ns;
static int idle_queues_yield;

static void spin(uint64_t ns)
{
	struct timespec start, now;

	if (ns == 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000000000LL + now.tv_nsec - start.tv_nsec < (long long)ns);
}

static void yield_without_frames(uint16_t count)
{
	struct sched_param none = { 0 };

	if (count > 0 && empty_polls > EMPTY_POLLS)
		sched_setscheduler(0, SCHED_OTHER, &none);
	if (count == 0 && empty_polls == EMPTY_POLLS)
		sched_setscheduler(0, SCHED_IDLE, &none);
	empty_polls = count > 0 ? 0 : empty_polls + (empty_polls <= EMPTY_POLLS);
}

static uint16_t slow_rx(uint16_t port, uint16_t queue, void **frames, uint16_t count, uint16_t most, void *ns)
{
	(void)port, (void)queue, (void)frames, (void)most;
	if (idle_queues_yield)
		yield_without_frames(count);
	spin(count > 0 ? (uint64_t)(uintptr_t)ns * count : empty_poll_ns);
	return count;
}

static uint16_t slow_tx(uint16_t port, uint16_t queue, void **frames, uint16_t count, void *ns)
{
	(void)port, (void)queue, (void)frames;
	spin((uint64_t)(uintptr_t)ns * count);
	return count;
}

/* Only the name: the loader's lock is held here, and dlopen takes another one. */
static int find_ethdev(struct dl_phdr_info *info, size_t size, void *name)
{
	(void)size;
	if (strstr(info->dlpi_name, "librte_ethdev.so") == NULL)
		return 0;
	strncpy(name, info->dlpi_name, PATH_MAX - 1);
	return 1;
}

static void *ns_of(const char *name)
{
	const char *text = getenv(name);

	return (void *)(uintptr_t)(text ? strtoull(text, NULL, 10) : 0);
}

/* Adds the callbacks to all queues of a port. Fails until the port is configured. */
static int slow_down(void *ethdev, uint16_t port)
{
	const void *(*add_rx)(uint16_t, uint16_t, rx_callback *, void *);
	const void *(*add_tx)(uint16_t, uint16_t, tx_callback *, void *);
	int (*is_valid)(uint16_t);
	int (*name_of)(uint16_t, char *);
	uint16_t rx = 0, tx = 0;
	char name[256] = "";

	add_rx = (const void *(*)(uint16_t, uint16_t, rx_callback *, void *))dlsym(ethdev, "rte_eth_add_rx_callback");
	add_tx = (const void *(*)(uint16_t, uint16_t, tx_callback *, void *))dlsym(ethdev, "rte_eth_add_tx_callback");
	name_of = (int (*)(uint16_t, char *))dlsym(ethdev, "rte_eth_dev_get_name_by_port");
	is_valid = (int (*)(uint16_t))dlsym(ethdev, "rte_eth_dev_is_valid_port");
	if (add_rx == NULL || add_tx == NULL || name_of == NULL || is_valid == NULL)
		abort();
	if (!is_valid(port) || name_of(port, name) != 0)
		return 0;
	if (strncmp(name, "net_null", 8) == 0 && getenv("SLOW_NULL") == NULL)
		return 1;
	while (rx < MOST_QUEUES && add_rx(port, rx, slow_rx, ns_of("SLOW_RX_NS")))
		rx++;
	while (tx < MOST_QUEUES && add_tx(port, tx, slow_tx, ns_of("SLOW_TX_NS")))
		tx++;
	return rx > 0 && tx > 0;
}

/* How often a process looks for its port: often while it starts, so that the first frame finds it slow. An agent of an endpoint that is not measured never
 * has one, and must not interrupt the poll loops of the others. */
static void look_again(unsigned *times)
{
	const struct timespec often = { .tv_nsec = 100000 }, seldom = { .tv_nsec = 20000000 };

	nanosleep((*times)++ < 10000 ? &often : &seldom, NULL);
}

/* Waits for the first port of the process. Callbacks may be added at any time (rte_ethdev.h). */
static void *wait_for_port(void *unused)
{
	static char name[PATH_MAX];
	void *ethdev = NULL;
	unsigned times = 0;

	(void)unused;
	while (!dl_iterate_phdr(find_ethdev, name) || (ethdev = dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) == NULL)
		look_again(&times);
	while (!slow_down(ethdev, 0))
		look_again(&times);
	return NULL;
}

/* Whether this process is the engine of a test, or a command of linerate that opens a port. Others inherit the variable, and would look for a port as
 * long as they run: that alone interrupts the poll loops of a machine with two CPUs. */
static int opens_a_port(void)
{
	static const char *const commands[] = { "agent", "send", "receive", "reflect" };
	char words[256] = "";
	size_t length, second, i;
	FILE *file;

	if (strcmp(program_invocation_short_name, "engine") == 0)
		return 1;
	if (strcmp(program_invocation_short_name, "linerate") != 0 || (file = fopen("/proc/self/cmdline", "r")) == NULL)
		return 0;
	length = fread(words, 1, sizeof words - 1, file);
	fclose(file);
	/* The second word: each ends with a zero. */
	second = strlen(words) + 1;
	for (i = 0; second < length && i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(words + second, commands[i]) == 0)
			return 1;
	return 0;
}

__attribute__((constructor)) static void begin(void)
{
	pthread_t thread;

	empty_poll_ns = (uint64_t)(uintptr_t)ns_of("SLOW_EMPTY_POLL_NS");
	idle_queues_yield = getenv("IDLE_QUEUES_YIELD") != NULL;
	if (opens_a_port())
		pthread_create(&thread, NULL, wait_for_port, NULL);
}
