/*
 * The embedded switch of a NIC: which port a representor stands for, the port that manages the switch, and rules that leave other traffic
 * to the kernel. Included by shim.h.
 */
#ifndef LINERATE_ESWITCH_H
#define LINERATE_ESWITCH_H

#include <stddef.h>
#include <stdint.h>

#include <rte_dev.h>

/* What identifies a port on its switch. */
struct lr_switch_port {
	char device[RTE_DEV_NAME_MAX_LEN]; /* the device that the port belongs to, such as 0000:03:00.0 */
	uint16_t port;                     /* rte_eth_switch_info.port_id */
	uint8_t is_representor;
};
int lr_switch_port_get(uint16_t port, struct lr_switch_port *on_switch);

/* enum rte_eth_representor_type. */
enum lr_representor_kind {
	LR_REPRESENTOR_VF = 1,
	LR_REPRESENTOR_SF = 2,
	LR_REPRESENTOR_PF = 3,
};

/* struct rte_eth_representor_range without its name. */
struct lr_representor_range {
	uint32_t kind;
	int32_t controller, pf, first;
	uint32_t id_base, id_end;
};

/* Reads at most max ranges: gives their number, or -errno (-ENOTSUP: the driver has no such table). */
int lr_representor_ranges(uint16_t port, uint16_t *controller, uint16_t *pf, struct lr_representor_range *ranges, uint32_t max);

/* rte_flow_pick_transfer_proxy(). */
int lr_transfer_proxy(uint16_t port, uint16_t *proxy);

/* Sets up one queue in each direction and starts the port; in isolated mode where the driver has it, so that it takes no frames. */
int lr_proxy_start(uint16_t port, struct rte_mempool *pool);

/* Length of the drivers' messages about flow rules. */
enum lr_flow_text { LR_FLOW_TEXT_LEN = 256 };

/* Isolated mode (rte_flow_isolate): the port receives only what a rule asks for. Before the port is configured. */
int lr_isolate(uint16_t port, char *text);

/* Which frames a rule matches. */
struct lr_rule {
	uint8_t vlan_tags;      /* 0 to 2 */
	uint8_t ip_version;     /* 4, 6, or 0 for ether_type alone */
	uint8_t prefix;         /* bits of the destination address that must match */
	uint16_t ether_type;    /* in host order */
	uint8_t destination[16]; /* an IPv4 address is in the first 4 bytes */
};
/* A rule that brings such frames to the queues 0 to queues - 1. After the port was started. */
int lr_rule_create(uint16_t port, const struct lr_rule *rule, uint16_t queues, char *text);

#endif
