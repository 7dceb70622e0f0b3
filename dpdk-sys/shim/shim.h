/*
 * What bindgen cannot reach in DPDK's headers, as plain functions and flat structures: inline functions, thread-local
 * variables, bit-fields, macro constants and the offsets of mbuf fields.
 *
 * The only place that may ask which DPDK this is. Written for 21.11, 22.11, 23.11, 24.11 and 25.11.
 */
#ifndef LINERATE_SHIM_H
#define LINERATE_SHIM_H

#include <stddef.h>
#include <stdint.h>

#include <rte_config.h>
#include <rte_version.h>
#include <rte_eal.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "eswitch.h"

/*
 * Field offsets of struct rte_mbuf. They are the same in every version, the names of the fields' parents are not
 * (RTE_MARKER fields of 23.11 are unions in 24.11).
 */
enum lr_mbuf_offset {
	LR_MBUF_BUF_ADDR = offsetof(struct rte_mbuf, buf_addr),
	LR_MBUF_DATA_OFF = offsetof(struct rte_mbuf, data_off),
	LR_MBUF_NB_SEGS = offsetof(struct rte_mbuf, nb_segs),
	LR_MBUF_OL_FLAGS = offsetof(struct rte_mbuf, ol_flags),
	LR_MBUF_PKT_LEN = offsetof(struct rte_mbuf, pkt_len),
	LR_MBUF_DATA_LEN = offsetof(struct rte_mbuf, data_len),
	LR_MBUF_SIZE = sizeof(struct rte_mbuf),
	LR_MBUF_HEADROOM = RTE_PKTMBUF_HEADROOM,
};

enum lr_limit {
	LR_NAME_LEN = RTE_ETH_NAME_MAX_LEN,
	LR_MEMPOOL_CACHE = RTE_MEMPOOL_CACHE_MAX_SIZE,
	LR_BURST_MODE_LEN = RTE_ETH_BURST_MODE_INFO_SIZE,
};

/* Versions of the headers this was compiled with. */
enum lr_built {
	LR_BUILT_YEAR = RTE_VER_YEAR,
	LR_BUILT_MONTH = RTE_VER_MONTH,
	LR_BUILT_MINOR = RTE_VER_MINOR,
	LR_BUILT_RELEASE = RTE_VER_RELEASE, /* 99: not a release candidate */
};

/* rte_eal_init() without its usage text, which it writes to standard output: that belongs to the program. */
int lr_eal_init(int argc, char **argv);

/* The folder that EAL loads drivers from; empty where DPDK has none. */
const char *lr_driver_directory(void);

/* Thread-local variables. */
int lr_errno(void);
unsigned int lr_lcore_id(void);

/* EAL's log, kept in memory from lr_log_capture() on: the last few kilobytes. */
int lr_log_capture(void);
/* Copies what was logged since the last call, NUL-terminated, into text; gives its length. */
size_t lr_log_take(char *text, size_t size);

/* rte_eth_link without its bit-fields. */
struct lr_link {
	uint32_t speed_mbps; /* UINT32_MAX: unknown */
	uint8_t up;
	uint8_t full_duplex;
};
int lr_link_get_nowait(uint16_t port, struct lr_link *link);

/* The part of rte_eth_stats that every version has. */
struct lr_stats {
	uint64_t ipackets, opackets, ibytes, obytes, imissed, ierrors, oerrors, rx_nombuf;
};
int lr_stats_get(uint16_t port, struct lr_stats *stats);

/* The part of rte_eth_dev_info that linerate reads. */
struct lr_dev_info {
	const char *driver_name;
	uint64_t rx_offload_capa, tx_offload_capa;
	uint32_t max_rx_pktlen;
	uint16_t max_mtu;
	uint16_t max_rx_queues, max_tx_queues;
	uint16_t default_rx_desc, default_tx_desc; /* 0: the driver has no choice of its own */
	struct lr_desc_limits {
		uint16_t min, max; /* max 0: no limit */
	} rx_desc, tx_desc;
	uint16_t switch_domain; /* UINT16_MAX: none */
	uint8_t is_representor;
	uint8_t hash_key_size; /* bytes of the RSS key; 0: the driver does not say */
	uint32_t if_index; /* the kernel interface of the same port; 0: none */
};
int lr_dev_info_get(uint16_t port, struct lr_dev_info *info);

/*
 * As many receive as transmit queues. Descriptor counts are adjusted to what the driver takes. With several receive queues frames
 * are spread by a hash of addresses and ports (RSS) where the driver has one; software ports spread by their other end's queue.
 * With an rss_key the hash uses that key of rss_key_len bytes, otherwise the driver's own.
 */
struct lr_setup {
	uint64_t rx_offloads, tx_offloads;
	uint32_t mtu; /* 0: ethdev sets 1500 (rte_eth_dev_configure) */
	uint16_t queues;
	uint16_t rx_desc, tx_desc;
	struct rte_mempool *rx_pool;
	uint8_t *rss_key;
	uint8_t rss_key_len;
};
/*
 * Descriptors of queue 0 as the driver set them up (rte_eth_rx_queue_info_get, rte_eth_tx_queue_info_get). 0: the driver does not
 * report them.
 */
struct lr_rings {
	uint16_t rx, tx;
};
void lr_rings_get(uint16_t port, struct lr_rings *rings);

/* 0, or -errno with the name of the DPDK call that failed in *failed. */
int lr_port_setup(uint16_t port, struct lr_setup *setup, const char **failed);

/* Unplugs the device of a closed software port. */
int lr_device_remove(const char *devargs_name);

/*
 * The device's clock (rte_eth_read_clock), in units of its own. -ENOTSUP: it has none.
 */
int lr_read_clock(uint16_t port, uint64_t *clock);

/* Limits a transmit queue (rte_eth_set_queue_rate_limit); 0 takes the limit away. -ERANGE: more than this version can say. */
int lr_queue_rate_limit(uint16_t port, uint16_t queue, uint32_t mbps);

/*
 * The offset in an mbuf of its transmit or receive time, and the flag in ol_flags that marks the time as set. Call this before a port
 * that uses it is started: mlx5 looks for the field then (mlx5_txpp.c).
 */
struct lr_time_field {
	uint64_t flag;
	uint32_t offset;
};
int lr_tx_time_field(struct lr_time_field *field);
int lr_rx_time_field(struct lr_time_field *field);

/* Offload flags. */
enum lr_offload_bit {
	LR_TX_SEND_ON_TIMESTAMP_BIT = 21,
	LR_RX_TIMESTAMP_BIT = 14,
	LR_TX_FAST_FREE_BIT = 16,
	LR_TX_MULTI_SEGS_BIT = 15,
	LR_RX_SCATTER_BIT = 13,
};

/* Inline functions of the fast path: one call a burst. */
uint16_t lr_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count);
uint16_t lr_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count);
/* 0: all count objects, raw, as they were put back; else none. */
int lr_mempool_get_bulk(struct rte_mempool *pool, void **objects, unsigned int count);
uint16_t lr_pool_data_room(struct rte_mempool *pool);
void lr_mempool_put_bulk(struct rte_mempool *pool, void *const *objects, unsigned int count);

#endif
