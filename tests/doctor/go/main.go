// Servers of Go, each with the origin check that it comes with: `gorilla` is a plain WebSocket server on /socket.io/, and `go-socket.io`
// is Socket.IO for clients of version 1 and 2, behind CORS middleware that lets every page read. Prints {"NAME": PORT} and ends with its
// standard input.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	socketio "github.com/googollee/go-socket.io"
	"github.com/gorilla/websocket"
)

func main() {
	server, err := socketio.NewServer(nil)
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve()
	ports := map[string]int{}
	for name, handler := range map[string]http.Handler{"gorilla": http.HandlerFunc(echo), "go-socket.io": cors(server)} {
		mux := http.NewServeMux()
		mux.Handle("/socket.io/", handler)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			log.Fatal(err)
		}
		ports[name] = listener.Addr().(*net.TCPAddr).Port
		go http.Serve(listener, mux)
	}
	if err := json.NewEncoder(os.Stdout).Encode(ports); err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, os.Stdin)
}

// What people put around go-socket.io when the browser complains about CORS.
func cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func echo(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer socket.Close()
	for {
		kind, text, err := socket.ReadMessage()
		if err != nil || socket.WriteMessage(kind, text) != nil {
			return
		}
	}
}
