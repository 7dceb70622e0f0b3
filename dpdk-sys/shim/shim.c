#define _GNU_SOURCE
/* rte_eth_read_clock() is experimental up to 25.11; what it does and its arguments have not changed since 19.05. */
#define ALLOW_EXPERIMENTAL_API
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf_dyn.h>

#if RTE_VERSION < RTE_VERSION_NUM(21, 11, 0, 0)
#error "linerate needs DPDK 21.11 or newer"
#endif

_Static_assert(RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE == UINT64_C(1) << LR_TX_FAST_FREE_BIT, "MBUF_FAST_FREE moved");
_Static_assert(RTE_ETH_TX_OFFLOAD_MULTI_SEGS == UINT64_C(1) << LR_TX_MULTI_SEGS_BIT, "MULTI_SEGS moved");
_Static_assert(RTE_ETH_RX_OFFLOAD_SCATTER == UINT64_C(1) << LR_RX_SCATTER_BIT, "SCATTER moved");
_Static_assert(RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP == UINT64_C(1) << LR_TX_SEND_ON_TIMESTAMP_BIT, "SEND_ON_TIMESTAMP moved");
_Static_assert(RTE_ETH_RX_OFFLOAD_TIMESTAMP == UINT64_C(1) << LR_RX_TIMESTAMP_BIT, "RX_TIMESTAMP moved");

int lr_eal_init(int argc, char **argv)
{
	int saved, null, result;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (saved >= 0 && null >= 0)
		dup2(null, STDOUT_FILENO);
	result = rte_eal_init(argc, argv);
	fflush(stdout);
	if (saved >= 0) {
		dup2(saved, STDOUT_FILENO);
		close(saved);
	}
	if (null >= 0)
		close(null);
	return result;
}

const char *lr_driver_directory(void)
{
#if defined(RTE_EAL_PMD_PATH) && !defined(LR_STATIC_DPDK)
	return RTE_EAL_PMD_PATH;
#else
	return "";
#endif
}

int lr_errno(void)
{
	return rte_errno;
}

unsigned int lr_lcore_id(void)
{
	return rte_lcore_id();
}

/* The log: a ring of the last bytes. */
static struct {
	pthread_mutex_t lock;
	size_t length;
	char text[8192];
} captured = { .lock = PTHREAD_MUTEX_INITIALIZER };

static ssize_t captured_write(void *cookie, const char *text, size_t size)
{
	size_t kept = size, over;

	(void)cookie;
	if (kept > sizeof(captured.text)) {
		text += kept - sizeof(captured.text);
		kept = sizeof(captured.text);
	}
	pthread_mutex_lock(&captured.lock);
	if (captured.length + kept > sizeof(captured.text)) {
		over = captured.length + kept - sizeof(captured.text);
		memmove(captured.text, captured.text + over, captured.length - over);
		captured.length -= over;
	}
	memcpy(captured.text + captured.length, text, kept);
	captured.length += kept;
	pthread_mutex_unlock(&captured.lock);
	return (ssize_t)size;
}

int lr_log_capture(void)
{
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = captured_write });

	if (stream == NULL)
		return -errno;
	return rte_openlog_stream(stream);
}

size_t lr_log_take(char *text, size_t size)
{
	size_t length = 0, skip;

	if (size == 0)
		return 0;
	pthread_mutex_lock(&captured.lock);
	length = captured.length < size - 1 ? captured.length : size - 1;
	skip = captured.length - length;
	memcpy(text, captured.text + skip, length);
	captured.length = 0;
	pthread_mutex_unlock(&captured.lock);
	text[length] = '\0';
	return length;
}

int lr_link_get_nowait(uint16_t port, struct lr_link *link)
{
	struct rte_eth_link from;
	int error;

	memset(&from, 0, sizeof(from));
	error = rte_eth_link_get_nowait(port, &from);
	link->speed_mbps = from.link_speed;
	link->up = from.link_status == RTE_ETH_LINK_UP;
	link->full_duplex = from.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	return error;
}

int lr_stats_get(uint16_t port, struct lr_stats *stats)
{
	struct rte_eth_stats from;
	int error;

	memset(&from, 0, sizeof(from));
	error = rte_eth_stats_get(port, &from);
	*stats = (struct lr_stats){
		.ipackets = from.ipackets, .opackets = from.opackets, .ibytes = from.ibytes, .obytes = from.obytes,
		.imissed = from.imissed, .ierrors = from.ierrors, .oerrors = from.oerrors, .rx_nombuf = from.rx_nombuf,
	};
	return error;
}

int lr_dev_info_get(uint16_t port, struct lr_dev_info *info)
{
	struct rte_eth_dev_info from;
	int error;

	memset(&from, 0, sizeof(from));
	error = rte_eth_dev_info_get(port, &from);
	if (error != 0)
		return error;
	*info = (struct lr_dev_info){
		.driver_name = from.driver_name,
		.rx_offload_capa = from.rx_offload_capa,
		.tx_offload_capa = from.tx_offload_capa,
		.max_rx_pktlen = from.max_rx_pktlen,
		.max_mtu = from.max_mtu,
		.max_rx_queues = from.max_rx_queues,
		.max_tx_queues = from.max_tx_queues,
		.default_rx_desc = from.default_rxportconf.ring_size,
		.default_tx_desc = from.default_txportconf.ring_size,
		.rx_desc = { from.rx_desc_lim.nb_min, from.rx_desc_lim.nb_max },
		.tx_desc = { from.tx_desc_lim.nb_min, from.tx_desc_lim.nb_max },
		.switch_domain = from.switch_info.domain_id,
		.hash_key_size = from.hash_key_size,
		.if_index = from.if_index,
		/* dev_flags points into the device. */
		.is_representor = from.dev_flags != NULL && (*from.dev_flags & RTE_ETH_DEV_REPRESENTOR) != 0,
	};
	return 0;
}

int lr_port_setup(uint16_t port, struct lr_setup *setup, const char **failed)
{
	struct rte_eth_conf conf;
	struct rte_eth_dev_info info;
	struct rte_eth_rxconf rx;
	struct rte_eth_txconf tx;
	int socket = rte_eth_dev_socket_id(port);
	uint16_t queue;
	int error;

	memset(&info, 0, sizeof(info));
	*failed = "rte_eth_dev_info_get";
	error = rte_eth_dev_info_get(port, &info);
	if (error != 0)
		return error;

	memset(&conf, 0, sizeof(conf));
	conf.rxmode.offloads = setup->rx_offloads;
	conf.rxmode.mtu = setup->mtu;
	conf.txmode.offloads = setup->tx_offloads;
	if (setup->queues > 1 && info.flow_type_rss_offloads != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
		conf.rx_adv_conf.rss_conf.rss_key = setup->rss_key;
		conf.rx_adv_conf.rss_conf.rss_key_len = setup->rss_key_len;
	}
	*failed = "rte_eth_dev_configure";
	error = rte_eth_dev_configure(port, setup->queues, setup->queues, &conf);
	if (error != 0)
		return error;

	*failed = "rte_eth_dev_adjust_nb_rx_tx_desc";
	error = rte_eth_dev_adjust_nb_rx_tx_desc(port, &setup->rx_desc, &setup->tx_desc);
	if (error != 0)
		return error;

	rx = info.default_rxconf;
	rx.offloads = setup->rx_offloads;
	tx = info.default_txconf;
	tx.offloads = setup->tx_offloads;
	for (queue = 0; queue < setup->queues; queue++) {
		*failed = "rte_eth_rx_queue_setup";
		error = rte_eth_rx_queue_setup(port, queue, setup->rx_desc, (unsigned int)socket, &rx, setup->rx_pool);
		if (error != 0)
			return error;
		*failed = "rte_eth_tx_queue_setup";
		error = rte_eth_tx_queue_setup(port, queue, setup->tx_desc, (unsigned int)socket, &tx);
		if (error != 0)
			return error;
	}
	*failed = NULL;
	return 0;
}

void lr_rings_get(uint16_t port, struct lr_rings *rings)
{
	struct rte_eth_rxq_info rx;
	struct rte_eth_txq_info tx;

	memset(&rx, 0, sizeof(rx));
	memset(&tx, 0, sizeof(tx));
	/* -ENOTSUP where the driver does not report it. */
	rings->rx = rte_eth_rx_queue_info_get(port, 0, &rx) == 0 ? rx.nb_desc : 0;
	rings->tx = rte_eth_tx_queue_info_get(port, 0, &tx) == 0 ? tx.nb_desc : 0;
}

int lr_read_clock(uint16_t port, uint64_t *clock)
{
	return rte_eth_read_clock(port, clock);
}

int lr_queue_rate_limit(uint16_t port, uint16_t queue, uint32_t mbps)
{
#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0)
	/* The rate was a uint16_t. */
	if (mbps > UINT16_MAX)
		return -ERANGE;
#endif
	return rte_eth_set_queue_rate_limit(port, queue, mbps);
}

static int time_field(int (*look_up)(int *, uint64_t *), struct lr_time_field *field)
{
	int offset = -1;

	if (look_up(&offset, &field->flag) != 0)
		return -lr_errno();
	field->offset = (uint32_t)offset;
	return 0;
}

int lr_tx_time_field(struct lr_time_field *field)
{
	return time_field(rte_mbuf_dyn_tx_timestamp_register, field);
}

int lr_rx_time_field(struct lr_time_field *field)
{
	return time_field(rte_mbuf_dyn_rx_timestamp_register, field);
}

int lr_device_remove(const char *devargs_name)
{
	return rte_eal_hotplug_remove("vdev", devargs_name);
}

uint16_t lr_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count)
{
	return rte_eth_rx_burst(port, queue, mbufs, count);
}

uint16_t lr_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count)
{
	return rte_eth_tx_burst(port, queue, mbufs, count);
}

int lr_mempool_get_bulk(struct rte_mempool *pool, void **objects, unsigned int count)
{
	return rte_mempool_get_bulk(pool, objects, count);
}

void lr_mempool_put_bulk(struct rte_mempool *pool, void *const *objects, unsigned int count)
{
	rte_mempool_put_bulk(pool, objects, count);
}

uint16_t lr_pool_data_room(struct rte_mempool *pool)
{
	return rte_pktmbuf_data_room_size(pool);
}
