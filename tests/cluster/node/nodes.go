package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
)

// Node is a machine in the network.
type Node struct {
	Name    string       `json:"name"`
	Pid     int          `json:"pid"`
	Address netip.Addr   `json:"address"`
	Pods    netip.Prefix `json:"pods"`
	Cgroup  string       `json:"cgroup"`

	machine   *exec.Cmd
	namespace *os.File
}

func (network *Network) start(number int) (*Node, error) {
	if network.nodes[number] != nil {
		return nil, errors.New("it runs already")
	}
	subnet := network.Host.As4()[1]
	name := fmt.Sprintf("node-%d", number)
	node := &Node{
		Name:    name,
		Address: netip.AddrFrom4([4]byte{10, subnet, 0, byte(100 + number)}),
		Pods:    netip.PrefixFrom(netip.AddrFrom4([4]byte{10, subnet, byte(128 + number), 0}), 24),
		Cgroup:  "/" + filepath.Join(network.name, name),
	}
	if err := createCgroups(node.Cgroup); err != nil {
		return nil, err
	}
	if err := node.boot(); err != nil {
		return nil, err
	}
	network.nodes[number] = node
	steps := []step{
		ipIn(network.bridge, "link", "add", name, "up", "master", "bridge",
			"type", "veth", "peer", "name", "eth0", "netns", path(node.namespace)),
		ipIn(node.namespace, "link", "set", "lo", "up"),
		ipIn(node.namespace, "address", "add", node.Address.String()+"/24", "dev", "eth0"),
		ipIn(node.namespace, "link", "set", "eth0", "up"),
		ipIn(node.namespace, "route", "add", "default", "via", network.Host.String()),
		ip("route", "replace", node.Pods.String(), "via", node.Address.String()),
	}
	// One node has to be the host's way to services; which one makes no difference.
	if number == 1 {
		steps = append(steps, ip("route", "replace", network.Services.String(), "via", node.Address.String()))
	}
	for _, other := range network.nodes {
		if other != node {
			steps = append(steps,
				ipIn(node.namespace, "route", "replace", other.Pods.String(), "via", other.Address.String()),
				ipIn(other.namespace, "route", "replace", node.Pods.String(), "via", node.Address.String()))
		}
	}
	return node, all(steps...)
}

func (network *Network) stop(number int) (*Node, error) {
	node := network.nodes[number]
	if node == nil {
		return nil, errors.New("it does not run")
	}
	delete(network.nodes, number)
	return node, errors.Join(
		node.halt(),
		ipIn(network.bridge, "link", "delete", node.Name)(),
		node.namespace.Close(),
		removeCgroups(node.Cgroup),
	)
}
