module doctor-servers

go 1.26

require (
	github.com/googollee/go-socket.io v1.4.2
	github.com/gorilla/websocket v1.5.3
)

require github.com/googollee/go-engine.io v1.4.1 // indirect
