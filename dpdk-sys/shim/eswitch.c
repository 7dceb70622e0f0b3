/* Several of these functions are experimental in 21.11; their arguments have not changed since. */
#define ALLOW_EXPERIMENTAL_API
#include "shim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_flow.h>

_Static_assert((int)LR_REPRESENTOR_VF == (int)RTE_ETH_REPRESENTOR_VF, "RTE_ETH_REPRESENTOR_VF moved");
_Static_assert((int)LR_REPRESENTOR_SF == (int)RTE_ETH_REPRESENTOR_SF, "RTE_ETH_REPRESENTOR_SF moved");
_Static_assert((int)LR_REPRESENTOR_PF == (int)RTE_ETH_REPRESENTOR_PF, "RTE_ETH_REPRESENTOR_PF moved");

int lr_switch_port_get(uint16_t port, struct lr_switch_port *on_switch)
{
	struct rte_eth_dev_info from;
	const char *name = "";
	int error;

	memset(&from, 0, sizeof(from));
	error = rte_eth_dev_info_get(port, &from);
	if (error != 0)
		return error;
	memset(on_switch, 0, sizeof(*on_switch));
	if (from.device != NULL) {
#if RTE_VERSION >= RTE_VERSION_NUM(22, 11, 0, 0)
		name = rte_dev_name(from.device);
#else
		name = from.device->name;
#endif
	}
	snprintf(on_switch->device, sizeof(on_switch->device), "%s", name);
	on_switch->port = from.switch_info.port_id;
	on_switch->is_representor = from.dev_flags != NULL && (*from.dev_flags & RTE_ETH_DEV_REPRESENTOR) != 0;
	return 0;
}

int lr_representor_ranges(uint16_t port, uint16_t *controller, uint16_t *pf, struct lr_representor_range *ranges, uint32_t max)
{
	struct rte_eth_representor_info *info;
	int count = rte_eth_representor_info_get(port, NULL);
	uint32_t at, found;

	if (count < 0)
		return count;
	info = calloc(1, sizeof(*info) + (size_t)count * sizeof(info->ranges[0]));
	if (info == NULL)
		return -ENOMEM;
	info->nb_ranges_alloc = (uint32_t)count;
	count = rte_eth_representor_info_get(port, info);
	if (count < 0) {
		free(info);
		return count;
	}
	*controller = info->controller;
	*pf = info->pf;
	found = info->nb_ranges < max ? info->nb_ranges : max;
	for (at = 0; at < found; at++) {
		ranges[at] = (struct lr_representor_range){
			.kind = (uint32_t)info->ranges[at].type,
			.controller = info->ranges[at].controller,
			.pf = info->ranges[at].pf,
			/* vf and sf are one union. */
			.first = info->ranges[at].type == RTE_ETH_REPRESENTOR_PF ? info->ranges[at].pf : info->ranges[at].vf,
			.id_base = info->ranges[at].id_base,
			.id_end = info->ranges[at].id_end,
		};
	}
	free(info);
	return (int)found;
}

int lr_transfer_proxy(uint16_t port, uint16_t *proxy)
{
	return rte_flow_pick_transfer_proxy(port, proxy, NULL);
}

int lr_proxy_start(uint16_t port, struct rte_mempool *pool)
{
	struct rte_eth_conf conf;
	struct rte_flow_error refusal;
	uint16_t rx_desc = 64, tx_desc = 64;
	int socket = rte_eth_dev_socket_id(port);
	int error;

	memset(&conf, 0, sizeof(conf));
	memset(&refusal, 0, sizeof(refusal));
	/* A driver without isolated mode returns an error; its port then takes frames, and they are dropped when its ring is full. */
	(void)rte_flow_isolate(port, 1, &refusal);
	error = rte_eth_dev_configure(port, 1, 1, &conf);
	if (error == 0)
		error = rte_eth_dev_adjust_nb_rx_tx_desc(port, &rx_desc, &tx_desc);
	if (error == 0)
		error = rte_eth_rx_queue_setup(port, 0, rx_desc, (unsigned int)socket, NULL, pool);
	if (error == 0)
		error = rte_eth_tx_queue_setup(port, 0, tx_desc, (unsigned int)socket, NULL);
	if (error == 0)
		error = rte_eth_dev_start(port);
	return error;
}

static int refused(const struct rte_flow_error *refusal, int error, char *text)
{
	snprintf(text, LR_FLOW_TEXT_LEN, "%s", refusal->message != NULL ? refusal->message : "");
	return error < 0 ? error : -EINVAL;
}

int lr_isolate(uint16_t port, char *text)
{
	struct rte_flow_error refusal;
	int error;

	memset(&refusal, 0, sizeof(refusal));
	error = rte_flow_isolate(port, 1, &refusal);
	return error == 0 ? 0 : refused(&refusal, error, text);
}

static void set_prefix(uint8_t *mask, unsigned int bits)
{
	for (; bits >= 8; bits -= 8)
		*mask++ = 0xff;
	if (bits > 0)
		*mask = (uint8_t)(0xff << (8 - bits));
}

int lr_rule_create(uint16_t port, const struct lr_rule *rule, uint16_t queues, char *text)
{
	struct rte_flow_attr attributes = { .ingress = 1 };
	struct rte_flow_item_eth eth, eth_mask;
	struct rte_flow_item_vlan vlan, vlan_mask;
	struct rte_flow_item_ipv4 ipv4, ipv4_mask;
	struct rte_flow_item_ipv6 ipv6, ipv6_mask;
	struct rte_flow_item pattern[6];
	struct rte_flow_action_queue queue = { .index = 0 };
	struct rte_flow_action_rss rss;
	struct rte_flow_action actions[2];
	struct rte_flow_error refusal;
	uint16_t *numbers;
	unsigned int items = 0, tag;
	uint16_t at;
	int error;

	memset(&eth, 0, sizeof(eth));
	memset(&eth_mask, 0, sizeof(eth_mask));
	memset(&vlan, 0, sizeof(vlan));
	memset(&vlan_mask, 0, sizeof(vlan_mask));
	memset(&ipv4, 0, sizeof(ipv4));
	memset(&ipv4_mask, 0, sizeof(ipv4_mask));
	memset(&ipv6, 0, sizeof(ipv6));
	memset(&ipv6_mask, 0, sizeof(ipv6_mask));
	memset(pattern, 0, sizeof(pattern));
	memset(&rss, 0, sizeof(rss));
	memset(actions, 0, sizeof(actions));
	memset(&refusal, 0, sizeof(refusal));

	pattern[items].type = RTE_FLOW_ITEM_TYPE_ETH;
	if (rule->ip_version == 0 && rule->vlan_tags == 0) {
		eth.hdr.ether_type = rte_cpu_to_be_16(rule->ether_type);
		eth_mask.hdr.ether_type = 0xffff;
		pattern[items].spec = &eth;
		pattern[items].mask = &eth_mask;
	}
	items++;
	for (tag = 0; tag < rule->vlan_tags && tag < 2; tag++) {
		pattern[items].type = RTE_FLOW_ITEM_TYPE_VLAN;
		if (rule->ip_version == 0 && tag + 1 == rule->vlan_tags) {
			vlan.inner_type = rte_cpu_to_be_16(rule->ether_type);
			vlan_mask.inner_type = 0xffff;
			pattern[items].spec = &vlan;
			pattern[items].mask = &vlan_mask;
		}
		items++;
	}
	if (rule->ip_version == 4) {
		memcpy(&ipv4.hdr.dst_addr, rule->destination, 4);
		set_prefix((uint8_t *)&ipv4_mask.hdr.dst_addr, rule->prefix);
		pattern[items++] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &ipv4, .mask = &ipv4_mask };
	} else if (rule->ip_version == 6) {
		memcpy(&ipv6.hdr.dst_addr, rule->destination, 16);
		set_prefix((uint8_t *)&ipv6_mask.hdr.dst_addr, rule->prefix);
		pattern[items++] = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_IPV6, .spec = &ipv6, .mask = &ipv6_mask };
	}
	pattern[items].type = RTE_FLOW_ITEM_TYPE_END;

	numbers = calloc(queues, sizeof(*numbers));
	if (numbers == NULL)
		return -ENOMEM;
	for (at = 0; at < queues; at++)
		numbers[at] = at;
	if (queues == 1) {
		actions[0] = (struct rte_flow_action){ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue };
	} else {
		rss.types = RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP;
		rss.queue_num = queues;
		rss.queue = numbers;
		actions[0] = (struct rte_flow_action){ .type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss };
	}
	actions[1].type = RTE_FLOW_ACTION_TYPE_END;
	/* The port owns the rule: closing the port destroys it. */
	error = rte_flow_create(port, &attributes, pattern, actions, &refusal) != NULL ? 0 : refused(&refusal, -rte_errno, text);
	free(numbers);
	return error;
}
