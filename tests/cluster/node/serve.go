package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// serve opens a network, says so, answers each order on the input with a line on the output, and ends with the input.
func serve(input io.Reader, output io.Writer) (err error) {
	network, err := openNetwork()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, network.close()) }()
	answers := json.NewEncoder(output)
	if err := answers.Encode(network); err != nil {
		return err
	}
	orders := make(chan string)
	go func() {
		defer close(orders)
		for scanner := bufio.NewScanner(input); scanner.Scan(); {
			orders <- scanner.Text()
		}
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	for {
		select {
		case <-signals:
			return nil
		case order, open := <-orders:
			if !open {
				return nil
			}
			node, err := network.obey(order)
			if err != nil {
				return fmt.Errorf("%s: %w", order, err)
			}
			if err := answers.Encode(node); err != nil {
				return err
			}
		}
	}
}

func (network *Network) obey(order string) (*Node, error) {
	var verb string
	var number int
	if _, err := fmt.Sscanf(order, "%s %d", &verb, &number); err != nil || number < 1 || number > 99 {
		return nil, errors.New("an order is `start` or `stop` and a number from 1 to 99")
	}
	switch verb {
	case "start":
		return network.start(number)
	case "stop":
		return network.stop(number)
	}
	return nil, errors.New("an order is `start` or `stop` and a number from 1 to 99")
}
