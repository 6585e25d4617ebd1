// Command node gives Kubernetes nodes what a machine has: a network, a mount table and process numbers of their own.
// All of it ends with the command, and the command with its standard input, that is with the process that started it,
// however that ends.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

const usage = `usage:
  node network            a network; "start N" and "stop N" on standard input start and stop node N in it, 1 to 99
  node archive NAME FILE  an image NAME of the program FILE alone, as a docker-archive on standard output`

// A child's parent is, to the kernel, the thread that started it: children that end with their parent need a thread
// that lasts.
func init() { runtime.LockOSThread() }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "network":
		return serve(os.Stdin, os.Stdout)
	case len(args) == 2 && args[0] == "machine":
		return beMachine(args[1])
	case len(args) == 3 && args[0] == "archive":
		return writeArchive(os.Stdout, args[1], args[2])
	}
	return errors.New(usage)
}
