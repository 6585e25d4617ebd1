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

func removeCgroups(name string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		err = errors.Join(err, removeCgroup(filepath.Join(root, name)))
	}
	return err
}

func removeCgroup(group string) error {
	children, err := os.ReadDir(group)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, child := range children {
		if child.IsDir() {
			err = errors.Join(err, removeCgroup(filepath.Join(group, child.Name())))
		}
	}
	if err != nil {
		return err
	}
	// A process that has just ended may still be counted.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err = syscall.Rmdir(group)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return &fs.PathError{Op: "rmdir", Path: group, Err: err}
		}
	}
}
