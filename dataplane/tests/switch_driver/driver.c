/*
 * A DPDK driver for tests: NICs with an embedded switch that exist in memory only. It writes each call that matters to a file.
 *
 * --vdev=net_lrswitch0,log=FILE makes a NIC for each PCI device on EAL's allow list whose address is on bus fe, fd or fb:
 *   0000:fe:…  numbers its representors in a table, names them as mlx5 does, and has one port that manages the switch, which must be started
 *              before and stopped after its representors (drivers/net/mlx5/mlx5_trigger.c)
 *   0000:fd:…  has no table and no such port, and names its representors as i40e does
 *   0000:fb:…  is like fd, and calls itself net_i40e
 * The value of `representor` is read by DPDK's own parser. Representors 8 and above do not exist.
 * Built by scripts/switch-driver.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_config.h>
#include <rte_version.h>
#include <rte_devargs.h>
#include <rte_ether.h>
#include <rte_kvargs.h>
#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_flow_driver.h>
#include <bus_auxiliary_driver.h>
#include <bus_pci_driver.h>

struct card {
	struct rte_device device;
	char name[RTE_DEV_NAME_MAX_LEN];
	uint16_t domain;
	int has_manager;
	struct rte_eth_dev *manager;
};

struct port {
	struct card *card;
	int is_representor;
	uint16_t id;
	int isolated;
};

static char log_file[256];

static void record(const char *what, const char *name)
{
	FILE *file = log_file[0] != '\0' ? fopen(log_file, "a") : NULL;

	if (file == NULL)
		return;
	fprintf(file, "%s %s\n", what, name);
	fclose(file);
}

static struct port *port_of(struct rte_eth_dev *dev)
{
	return dev->data->dev_private;
}

static uint16_t receive_nothing(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
	(void)queue; (void)mbufs; (void)count;
	return 0;
}

static uint16_t send_nowhere(void *queue, struct rte_mbuf **mbufs, uint16_t count)
{
	(void)queue;
	rte_pktmbuf_free_bulk(mbufs, count);
	return count;
}

static int configure(struct rte_eth_dev *dev)
{
	record("configure", dev->data->name);
	return 0;
}

static int start(struct rte_eth_dev *dev)
{
	struct port *port = port_of(dev);

	record("start", dev->data->name);
	if (port->is_representor && port->card->has_manager && !port->card->manager->data->dev_started)
		return -EAGAIN;
	dev->data->dev_link.link_status = RTE_ETH_LINK_UP;
	dev->data->dev_link.link_speed = RTE_ETH_SPEED_NUM_100G;
	return 0;
}

static int stop(struct rte_eth_dev *dev)
{
	struct port *port = port_of(dev);
	uint16_t other;

	record("stop", dev->data->name);
	RTE_ETH_FOREACH_DEV(other) {
		struct rte_eth_dev *peer = &rte_eth_devices[other];

		if (!port->is_representor && peer != dev && peer->device == dev->device && peer->data->dev_started) {
			record("stopped too early", dev->data->name);
			return -EBUSY;
		}
	}
	return 0;
}

static int close_port(struct rte_eth_dev *dev)
{
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		record("close", dev->data->name);
	return 0;
}

static int infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	struct port *port = port_of(dev);

	info->max_rx_queues = info->max_tx_queues = 4;
	info->max_rx_pktlen = UINT16_MAX;
	info->max_mac_addrs = 1;
	info->switch_info.name = port->card->name;
	info->switch_info.domain_id = port->card->domain;
	info->switch_info.port_id = port->id;
	return 0;
}

static int rx_setup(struct rte_eth_dev *dev, uint16_t queue, uint16_t count, unsigned int socket, const struct rte_eth_rxconf *conf,
		    struct rte_mempool *pool)
{
	(void)count; (void)socket; (void)conf; (void)pool;
	dev->data->rx_queues[queue] = dev;
	return 0;
}

static int tx_setup(struct rte_eth_dev *dev, uint16_t queue, uint16_t count, unsigned int socket, const struct rte_eth_txconf *conf)
{
	(void)count; (void)socket; (void)conf;
	dev->data->tx_queues[queue] = dev;
	return 0;
}

static int link_update(struct rte_eth_dev *dev, int wait)
{
	(void)dev; (void)wait;
	return 0;
}

static int stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats)
{
	(void)dev; (void)stats;
	return 0;
}

static int promiscuous(struct rte_eth_dev *dev)
{
	record("promiscuous", dev->data->name);
	return 0;
}

/* DPDK calls it in each start. */
static int not_promiscuous(struct rte_eth_dev *dev)
{
	(void)dev;
	return 0;
}

static uint16_t id_of(enum rte_eth_representor_type type, uint16_t pf, uint16_t number)
{
	return (uint16_t)((pf << 14) + (type << 12) + (number & 0xfff));
}

static int representors_get(struct rte_eth_dev *dev, struct rte_eth_representor_info *info)
{
	static const enum rte_eth_representor_type types[] = { RTE_ETH_REPRESENTOR_VF, RTE_ETH_REPRESENTOR_SF };
	unsigned int type, host;
	uint32_t at = 0;

	if (!port_of(dev)->card->has_manager)
		return -ENOTSUP;
	if (info == NULL)
		return 4;
	info->controller = 0;
	info->pf = 0;
	for (type = 0; type < RTE_DIM(types); type++) {
		for (host = 0; host < 2 && at < info->nb_ranges_alloc; host++, at++) {
			info->ranges[at].type = types[type];
			info->ranges[at].controller = 0;
			info->ranges[at].pf = 0;
			info->ranges[at].vf = host ? UINT16_MAX : 0;
			info->ranges[at].id_base = id_of(types[type], 0, host ? UINT16_MAX : 0);
			info->ranges[at].id_end = id_of(types[type], 0, UINT16_MAX);
		}
	}
	info->nb_ranges = at;
	return 4;
}

static int pick_proxy(struct rte_eth_dev *dev, uint16_t *proxy, struct rte_flow_error *error)
{
	struct port *port = port_of(dev);

	(void)error;
	*proxy = port->card->has_manager ? port->card->manager->data->port_id : dev->data->port_id;
	return 0;
}

static int isolate(struct rte_eth_dev *dev, int set, struct rte_flow_error *error)
{
	struct port *port = port_of(dev);

	if (!port->card->has_manager)
		return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, "no isolated mode");
	if (dev->data->dev_started)
		return rte_flow_error_set(error, EBUSY, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, "port must be stopped first");
	record("isolate", dev->data->name);
	port->isolated = set;
	return 0;
}

static struct rte_flow *rule(struct rte_eth_dev *dev, const struct rte_flow_attr *attr, const struct rte_flow_item pattern[],
			     const struct rte_flow_action actions[], struct rte_flow_error *error)
{
	char text[128] = "rule";
	const struct rte_flow_item *item;

	(void)attr;
	for (item = pattern; item->type != RTE_FLOW_ITEM_TYPE_END; item++) {
		const char *name = item->type == RTE_FLOW_ITEM_TYPE_ETH ? " eth" : item->type == RTE_FLOW_ITEM_TYPE_VLAN ? " vlan" :
				   item->type == RTE_FLOW_ITEM_TYPE_IPV4 ? " ipv4" : " ipv6";
		size_t length = strlen(text);

		if (item->type == RTE_FLOW_ITEM_TYPE_IPV6) {
			rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ITEM, item, "IPv6 is not supported");
			return NULL;
		}
		snprintf(text + length, sizeof(text) - length, "%s", name);
		if (item->type == RTE_FLOW_ITEM_TYPE_IPV4) {
			const uint8_t *to = (const uint8_t *)&((const struct rte_flow_item_ipv4 *)item->spec)->hdr.dst_addr;
			const uint8_t *mask = (const uint8_t *)&((const struct rte_flow_item_ipv4 *)item->mask)->hdr.dst_addr;

			length = strlen(text);
			snprintf(text + length, sizeof(text) - length, " %u.%u.%u.%u/%x%x%x%x", to[0], to[1], to[2], to[3], mask[0], mask[1],
				 mask[2], mask[3]);
		}
	}
	strcat(text, actions->type == RTE_FLOW_ACTION_TYPE_QUEUE ? " queue" : " rss");
	record(text, dev->data->name);
	/* The port owns its rules. */
	return (struct rte_flow *)dev;
}

static const struct rte_flow_ops flow_ops = {
	.create = rule,
	.isolate = isolate,
	.pick_transfer_proxy = pick_proxy,
};

static int flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops)
{
	(void)dev;
	*ops = &flow_ops;
	return 0;
}

static const struct eth_dev_ops port_ops = {
	.dev_configure = configure,
	.dev_start = start,
	.dev_stop = stop,
	.dev_close = close_port,
	.dev_infos_get = infos_get,
	.rx_queue_setup = rx_setup,
	.tx_queue_setup = tx_setup,
	.link_update = link_update,
	.stats_get = stats_get,
	.promiscuous_enable = promiscuous,
	.promiscuous_disable = not_promiscuous,
	.representor_info_get = representors_get,
	.flow_ops_get = flow_ops_get,
};

static struct rte_driver driver_name = { .name = "net_lrswitch" };
static struct rte_driver i40e_name = { .name = "net_i40e" };

static struct rte_eth_dev *make_port(struct card *card, const char *name, int is_representor, uint16_t id)
{
	struct rte_eth_dev *dev = rte_eth_dev_allocate(name);
	struct port *port = calloc(1, sizeof(*port));

	if (dev == NULL || port == NULL)
		return NULL;
	port->card = card;
	port->is_representor = is_representor;
	port->id = id;
	/* DPDK frees both with rte_free() when the port is closed. */
	dev->data->dev_private = rte_zmalloc(NULL, sizeof(*port), 0);
	dev->data->mac_addrs = rte_zmalloc(NULL, RTE_ETHER_ADDR_LEN, 0);
	if (dev->data->dev_private == NULL || dev->data->mac_addrs == NULL)
		return NULL;
	memcpy(dev->data->dev_private, port, sizeof(*port));
	free(port);
	rte_eth_random_addr(dev->data->mac_addrs->addr_bytes);
	dev->device = &card->device;
	dev->data->numa_node = 0;
	dev->dev_ops = &port_ops;
	dev->rx_pkt_burst = receive_nothing;
	dev->tx_pkt_burst = send_nowhere;
	if (is_representor)
		dev->data->dev_flags |= RTE_ETH_DEV_REPRESENTOR;
	if (is_representor && card->manager != NULL)
		dev->data->backer_port_id = card->manager->data->port_id;
	rte_eth_dev_probing_finish(dev);
	return dev;
}

static int make_card(const struct rte_devargs *allowed)
{
	struct rte_eth_devargs wanted;
	struct card *card = calloc(1, sizeof(*card));
	char name[RTE_ETH_NAME_MAX_LEN];
	int error, at;

	if (card == NULL)
		return -ENOMEM;
	snprintf(card->name, sizeof(card->name), "%s", allowed->name);
	card->device.name = card->name;
	card->device.driver = strncmp(card->name, "0000:fb", 7) == 0 ? &i40e_name : &driver_name;
	card->has_manager = strncmp(card->name, "0000:fe", 7) == 0;
	memset(&wanted, 0, sizeof(wanted));
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
	error = rte_eth_devargs_parse(allowed->args, &wanted, 1);
#else
	error = rte_eth_devargs_parse(allowed->args, &wanted);
#endif
	if (error < 0)
		return error;
	rte_eth_switch_domain_alloc(&card->domain);
	card->manager = make_port(card, card->name, 0, UINT16_MAX);
	if (card->manager == NULL)
		return -ENOMEM;
	for (at = 0; at < wanted.nb_representor_ports; at++) {
		uint16_t number = wanted.representor_ports[at];
		int is_sf = wanted.type == RTE_ETH_REPRESENTOR_SF;
		uint16_t id = card->has_manager ? id_of(wanted.type, 0, number) : number;

		if (number >= 8 && number != UINT16_MAX)
			continue;
		if (!card->has_manager)
			snprintf(name, sizeof(name), "net_%.15s_representor_%d", card->name, number);
		else
			/* As mlx5 does: the host's physical function is -1, printed with %u. */
			snprintf(name, sizeof(name), "%.15s_representor_%s%u", card->name, is_sf ? "sf" : "vf",
				 number == UINT16_MAX ? UINT32_MAX : number);
		if (make_port(card, name, 1, id) == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int probe(struct rte_vdev_device *vdev)
{
	const char *log = strstr(rte_vdev_device_args(vdev), "log=");
	struct rte_devargs *allowed;
	int error;

	if (log != NULL)
		snprintf(log_file, sizeof(log_file), "%s", log + 4);
	for (allowed = rte_devargs_next("pci", NULL); allowed != NULL; allowed = rte_devargs_next("pci", allowed)) {
		if (strncmp(allowed->name, "0000:fe", 7) != 0 && strncmp(allowed->name, "0000:fd", 7) != 0 &&
		    strncmp(allowed->name, "0000:fb", 7) != 0)
			continue;
		error = make_card(allowed);
		if (error != 0)
			return error;
	}
	return 0;
}

static int remove_nothing(struct rte_vdev_device *vdev)
{
	(void)vdev;
	return 0;
}

static struct rte_vdev_driver switch_driver = { .probe = probe, .remove = remove_nothing };
RTE_PMD_REGISTER_VDEV(net_lrswitch, switch_driver);

/* Drivers for auxiliary devices lrswitch.sf.N and for PCI devices 1ab4:0001, which show what EAL probes. They make no ports. */
static void record_probe(const char *device)
{
	/* EAL probes these buses before the vdev above says where to write. */
	if (getenv("LRSWITCH_LOG") != NULL)
		snprintf(log_file, sizeof(log_file), "%s", getenv("LRSWITCH_LOG"));
	record("probe", device);
}

static bool match_auxiliary(const char *name)
{
	return strncmp(name, "lrswitch.sf.", 12) == 0;
}

static int probe_auxiliary(struct rte_auxiliary_driver *driver, struct rte_auxiliary_device *device)
{
	(void)driver;
	record_probe(device->name);
	return 0;
}

static int remove_auxiliary(struct rte_auxiliary_device *device)
{
	(void)device;
	return 0;
}

static struct rte_auxiliary_driver auxiliary_driver = {
	.match = match_auxiliary,
	.probe = probe_auxiliary,
	.remove = remove_auxiliary,
};
RTE_PMD_REGISTER_AUXILIARY(lrswitch_sf, auxiliary_driver);

static const struct rte_pci_id pci_ids[] = { { RTE_PCI_DEVICE(0x1ab4, 0x0001) }, { .vendor_id = 0 } };

static int probe_pci(struct rte_pci_driver *driver, struct rte_pci_device *device)
{
	(void)driver;
	record_probe(device->device.name);
	return 0;
}

static int remove_pci(struct rte_pci_device *device)
{
	(void)device;
	return 0;
}

static struct rte_pci_driver pci_driver = {
	.id_table = pci_ids,
	.drv_flags = RTE_PCI_DRV_NEED_IOVA_AS_VA,
	.probe = probe_pci,
	.remove = remove_pci,
};
RTE_PMD_REGISTER_PCI(lrswitch_pci, pci_driver);
