package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

type step func() error

func all(steps ...step) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// ip runs ip(8).
func ip(args ...string) step {
	return func() error { return said("ip", args...) }
}

// ipIn runs ip(8) in another network namespace.
func ipIn(namespace *os.File, args ...string) step {
	return func() error {
		return said("nsenter", append([]string{"--net=" + path(namespace), "ip"}, args...)...)
	}
}

func said(program string, args ...string) error {
	output, err := exec.Command(program, args...).CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(string(output))
	if strings.Contains(said, "File exists") {
		err = os.ErrExist
	}
	return fmt.Errorf("%s %s: %s: %w", program, strings.Join(args, " "), said, err)
}

// path is where other processes find a file that this one has open.
func path(file *os.File) string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd())
}

// newNetworkNamespace lasts as long as the file is open.
func newNetworkNamespace() (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	results := make(chan result)
	go func() {
		// Never unlocked: the thread ends with this function, and nothing else runs in its namespace.
		runtime.LockOSThread()
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			results <- result{nil, err}
			return
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		results <- result{file, err}
	}()
	opened := <-results
	return opened.file, opened.err
}

// routes are the destinations that the host knows a way to, its own addresses among them.
func routes() ([]netip.Prefix, error) {
	output, err := exec.Command("ip", "-4", "route", "show", "table", "all").Output()
	if err != nil {
		return nil, fmt.Errorf("failed to list the host's routes: %w", err)
	}
	var known []netip.Prefix
	for line := range strings.Lines(string(output)) {
		for _, word := range strings.Fields(line)[:min(2, len(strings.Fields(line)))] {
			if prefix, err := netip.ParsePrefix(word); err == nil {
				known = append(known, prefix)
			} else if address, err := netip.ParseAddr(word); err == nil {
				known = append(known, netip.PrefixFrom(address, address.BitLen()))
			}
		}
	}
	return known, nil
}

// overlaps tells whether a route is about the /16 of an address. A route to all of 10.0.0.0/8, as private networks
// have, is not: the more specific one wins.
func overlaps(routes []netip.Prefix, address netip.Addr) bool {
	network := netip.PrefixFrom(address, 16).Masked()
	for _, route := range routes {
		if route.Bits() > 8 && route.Overlaps(network) {
			return true
		}
	}
	return false
}
