package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
)

// Network is 10.NUMBER.0.0/16: a bridge in a namespace of its own, with the host and all nodes attached to it. The
// host's interface is named after the number, so the kernel gives a number to one cluster at a time.
type Network struct {
	Host     netip.Addr   `json:"host"`
	Pods     netip.Prefix `json:"pods"`
	Services netip.Prefix `json:"services"`

	name   string
	bridge *os.File
	nodes  map[int]*Node
}

const prefix = "realtime-"

const firstNumber, lastNumber = 64, 127

func openNetwork() (*Network, error) {
	if err := sweepCgroups(); err != nil {
		return nil, err
	}
	bridge, err := newNetworkNamespace()
	if err != nil {
		return nil, fmt.Errorf("failed to create a network namespace: %w", err)
	}
	taken, err := routes()
	if err != nil {
		return nil, err
	}
	const count = lastNumber - firstNumber + 1
	offset := rand.IntN(count)
	for step := range count {
		network := newNetwork(byte(firstNumber+(offset+step)%count), bridge)
		if overlaps(taken, network.Host) || haveCgroups(network.name) {
			continue
		}
		err := ip("link", "add", network.name, "type", "veth", "peer", "name", "uplink", "netns", path(bridge))()
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			err = network.connect()
		}
		if err != nil {
			return nil, errors.Join(err, network.close())
		}
		return network, nil
	}
	return nil, fmt.Errorf("all networks from 10.%d.0.0/16 to 10.%d.0.0/16 are in use", firstNumber, lastNumber)
}

func newNetwork(number byte, bridge *os.File) *Network {
	return &Network{
		Host:     netip.AddrFrom4([4]byte{10, number, 0, 1}),
		Pods:     netip.PrefixFrom(netip.AddrFrom4([4]byte{10, number, 128, 0}), 17),
		Services: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, number, 64, 0}), 18),
		name:     prefix + strconv.Itoa(int(number)),
		bridge:   bridge,
		nodes:    map[int]*Node{},
	}
}

func (network *Network) connect() error {
	if err := createCgroups(network.name); err != nil {
		return err
	}
	return all(
		ipIn(network.bridge, "link", "add", "bridge", "up", "type", "bridge"),
		ipIn(network.bridge, "link", "set", "uplink", "up", "master", "bridge"),
		ip("address", "add", network.Host.String()+"/24", "dev", network.name),
		ip("link", "set", network.name, "up"),
	)
}

func (network *Network) close() error {
	var errs []error
	for number := range network.nodes {
		_, err := network.stop(number)
		errs = append(errs, err)
	}
	err := ip("link", "delete", network.name)()
	return errors.Join(append(errs, err, removeCgroups(network.name), network.bridge.Close())...)
}
