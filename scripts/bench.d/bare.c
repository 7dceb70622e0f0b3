/*
 * The least a tagged sender can do: take 32 prefilled mbufs from the pool as they are, write a sequence number and the TSC into each,
 * send, put back what was not sent. It is what linerate's generator is held against on a port that costs nothing.
 *
 * bare SECONDS EAL ARGUMENTS; prints what port 0 took, in packets per second and per second on the CPU.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define BURST 32
#define SIZE 60 /* a 64-byte frame without its FCS */

static double on_cpu(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void fill(struct rte_mempool *pool, void *unused, void *object, unsigned int index)
{
	struct rte_mbuf *mbuf = object;

	(void)pool, (void)unused, (void)index;
	mbuf->data_off = RTE_PKTMBUF_HEADROOM;
	mbuf->data_len = mbuf->pkt_len = SIZE;
	mbuf->nb_segs = 1;
	memset(rte_pktmbuf_mtod(mbuf, void *), 0, SIZE);
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? atof(argv[1]) : 0;
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	struct rte_mbuf *mbufs[BURST];
	struct rte_mempool *pool;
	double cpu;
	uint64_t sequence = 0, sent = 0, begin, now;

	if (seconds <= 0 || rte_eal_init(argc - 2, argv + 2) < 0)
		return 2;
	pool = rte_pktmbuf_pool_create("bare", 16383, 512, 0, RTE_MBUF_DEFAULT_BUF_SIZE, rte_socket_id());
	if (pool == NULL || rte_eth_dev_info_get(0, &info) != 0)
		return 1;
	conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	if (rte_eth_dev_configure(0, 1, 1, &conf) != 0 || rte_eth_rx_queue_setup(0, 0, 1024, 0, NULL, pool) != 0 ||
	    rte_eth_tx_queue_setup(0, 0, 1024, 0, NULL) != 0 || rte_eth_dev_start(0) != 0)
		return 1;
	rte_mempool_obj_iter(pool, fill, NULL);

	cpu = on_cpu();
	begin = now = rte_rdtsc();
	while (now - begin < (uint64_t)(seconds * rte_get_tsc_hz())) {
		uint16_t i, taken;

		now = rte_rdtsc();
		if (rte_mempool_get_bulk(pool, (void **)mbufs, BURST) != 0)
			continue;
		for (i = 0; i < BURST; i++) {
			uint64_t *tag = rte_pktmbuf_mtod_offset(mbufs[i], uint64_t *, 42);

			tag[0] = sequence++;
			tag[1] = now;
		}
		taken = rte_eth_tx_burst(0, 0, mbufs, BURST);
		if (taken < BURST)
			rte_mempool_put_bulk(pool, (void **)&mbufs[taken], BURST - taken);
		sent += taken;
	}
	printf("%.0f %.0f\n", sent / ((double)(now - begin) / rte_get_tsc_hz()), sent / (on_cpu() - cpu));
	return 0;
}
