package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// hierarchies are where cgroups are mounted: one place for version 2, one for each controller for version 1.
func hierarchies() ([]string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 2 && (fields[2] == "cgroup" || fields[2] == "cgroup2") {
			found = append(found, fields[1])
		}
	}
	return found, nil
}

func createCgroups(name string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		group := filepath.Join(root, name)
		if err := errors.Join(enableControllers(filepath.Dir(group)), os.Mkdir(group, 0o755)); err != nil {
			return err
		}
		// A new cpuset of version 1 is empty, and no process may enter it.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			inherited, err := os.ReadFile(filepath.Join(filepath.Dir(group), file))
			if err != nil {
				continue
			}
			if own, err := os.ReadFile(filepath.Join(group, file)); err != nil || len(strings.TrimSpace(string(own))) > 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(group, file), inherited, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// enableControllers gives the children of a group of version 2 all that the group has itself, as kubelet asks for.
func enableControllers(group string) error {
	available, err := os.ReadFile(filepath.Join(group, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, controller := range strings.Fields(string(available)) {
		err = errors.Join(err, os.WriteFile(filepath.Join(group, "cgroup.subtree_control"), []byte("+"+controller), 0o644))
	}
	return err
}

// sweepCgroups removes those of networks that are gone: where this program was killed too, nobody else did. Those that
// are in use stay.
func sweepCgroups() error {
	return eachCgroup(prefix+"[0-9]*", func(group string) error {
		if _, err := os.Stat(filepath.Join("/sys/class/net", filepath.Base(group))); errors.Is(err, fs.ErrNotExist) {
			_ = removeCgroup(group, 0)
		}
		return nil
	})
}

func removeCgroups(name string) error {
	// A process that has just ended may still be counted.
	return eachCgroup(name, func(group string) error { return removeCgroup(group, 5*time.Second) })
}

func haveCgroups(name string) bool {
	return eachCgroup(name, func(string) error { return fs.ErrExist }) != nil
}

// eachCgroup visits those of all hierarchies that match a pattern.
func eachCgroup(pattern string, visit func(group string) error) error {
	roots, err := hierarchies()
	for _, root := range roots {
		groups, bad := filepath.Glob(filepath.Join(root, pattern))
		err = errors.Join(err, bad)
		for _, group := range groups {
			err = errors.Join(err, visit(group))
		}
	}
	return err
}

func removeCgroup(group string, patience time.Duration) error {
	children, err := os.ReadDir(group)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, child := range children {
		if child.IsDir() {
			err = errors.Join(err, removeCgroup(filepath.Join(group, child.Name()), patience))
		}
	}
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err = syscall.Rmdir(group)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return &fs.PathError{Op: "rmdir", Path: group, Err: err}
		}
	}
}
