// The events of the bundled server that the bench uses, with the Socket.IO server of zishang520: what its README shows, with an http.Server of
// its own, so that it can say where it listens.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func main() {
	options := socket.DefaultServerOptions()
	options.SetCors(&types.Cors{Origin: "https://app.domain-b.com"})
	io := socket.NewServer(nil, options)
	err := io.On("connection", func(clients ...any) {
		client := clients[0].(*socket.Socket)
		client.On("echo", func(args ...any) {
			reply, args := reply(args)
			reply(args, nil)
		})
		client.On("join", func(args ...any) {
			reply, args := reply(args)
			room := args[0].(map[string]any)["room"].(string)
			client.Join(socket.Room(room))
			reply([]any{map[string]any{"room": room}}, nil)
		})
		client.On("publish", func(args ...any) {
			message := args[0].(map[string]any)
			room := message["room"].(string)
			io.To(socket.Room(room)).Emit("message", map[string]any{"room": room, "from": string(client.Id()), "data": message["data"]})
		})
	})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"listening\":%q}\n", listener.Addr())
	http.Handle("/socket.io/", io.ServeHandler(nil))
	log.Fatal(http.Serve(listener, nil))
}

// The last argument is the acknowledgement.
func reply(args []any) (socket.Ack, []any) {
	last := len(args) - 1
	return args[last].(socket.Ack), args[:last]
}
