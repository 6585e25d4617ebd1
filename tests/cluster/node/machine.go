package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

const namespaces = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// boot starts the node's first process. When that one ends, the kernel ends all others in its namespaces, and takes
// their mounts, links and rules away.
func (node *Node) boot() error {
	machine := exec.Command("/proc/self/exe", "machine", node.Name)
	machine.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	machine.Stderr = os.Stderr
	mounted, err := machine.StdoutPipe()
	if err != nil {
		return err
	}
	if err := machine.Start(); err != nil {
		return err
	}
	node.machine, node.Pid = machine, machine.Process.Pid
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", node.Pid))
	if err == nil {
		// It says one byte when it is set up, and nothing when that failed.
		_, err = io.ReadFull(mounted, make([]byte, 1))
	}
	if err != nil {
		return errors.Join(err, node.halt())
	}
	node.namespace = namespace
	return nil
}

func (node *Node) halt() error {
	if err := node.machine.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	var status *exec.ExitError
	if err := node.machine.Wait(); err != nil && !errors.As(err, &status) {
		return err
	}
	return nil
}

// beMachine is the first process of a node: it sets its namespaces up and then, as every first process has to, waits
// for those that lost their parent.
func beMachine(name string) error {
	// Unmounting on the host still reaches here, mounting here does not reach the host.
	steps := []step{
		func() error { return syscall.Sethostname([]byte(name)) },
		func() error { return syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SLAVE, "") },
		func() error { return syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, "") },
		func() error { return mount("proc", "/proc", "proc", "") },
		func() error { return mount("run", "/run", "tmpfs", "mode=755") },
		func() error { return mount("log", "/var/log", "tmpfs", "mode=755") },
		overlayState,
		protectSettings,
		func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644) },
	}
	if err := all(steps...); err != nil {
		return err
	}
	if _, err := os.Stdout.Write([]byte("\n")); err != nil {
		return err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	for range ended {
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
	return nil
}

// overlayState lets programs keep what they write under /var/lib in memory. What is there already stays visible, as it
// may be somebody's home. The folders that hold file systems and sockets of their own are no overlay.
func overlayState() error {
	const base = "/run/state"
	for _, folder := range []string{"upper", "work"} {
		if err := os.MkdirAll(filepath.Join(base, folder), 0o755); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=/var/lib,upperdir=%s/upper,workdir=%s/work", base, base)
	if err := mount("state", "/var/lib", "overlay", options); err != nil {
		return err
	}
	for _, folder := range []string{"cni", "containerd", "kubelet"} {
		target := filepath.Join("/var/lib", folder)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := mount(folder, target, "tmpfs", "mode=755"); err != nil {
			return err
		}
	}
	return nil
}

// protectSettings gives kubelet files of its own for those settings of the kernel that it changes for everyone.
func protectSettings() error {
	for setting, value := range map[string]string{
		"kernel/keys/root_maxbytes": "25000000",
		"kernel/keys/root_maxkeys":  "1000000",
		"kernel/panic":              "10",
		"kernel/panic_on_oops":      "1",
		"vm/overcommit_memory":      "1",
	} {
		copied := filepath.Join("/run/settings", setting)
		if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(copied, []byte(value), 0o644); err != nil {
			return err
		}
		original := filepath.Join("/proc/sys", setting)
		if err := syscall.Mount(copied, original, "", syscall.MS_BIND, ""); err != nil {
			return &os.PathError{Op: "mount", Path: original, Err: err}
		}
	}
	return nil
}

func mount(source, target, kind, options string) error {
	if err := syscall.Mount(source, target, kind, 0, options); err != nil {
		return &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return nil
}
