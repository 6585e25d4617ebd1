// Publishes a message to a room: PUBLISH_URL=http://chat.team-a:8083/publish PUBLISH_TOKEN=... go run main.go lobby hello
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

func publish(body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequest("POST", os.Getenv("PUBLISH_URL"), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("PUBLISH_TOKEN"))
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

func main() {
	body, _ := json.Marshal(map[string]any{
		"id": rand.Text(), "event": "message", "rooms": []string{os.Args[1]}, "data": map[string]string{"text": os.Args[2]},
	})
	for attempt := 1; ; attempt++ {
		status, answer, err := publish(body)
		switch {
		case err == nil && status == 200:
			fmt.Println(string(answer))
			return
		case err == nil && status < 500, attempt == 5:
			log.Fatal(status, " ", string(answer), err)
		}
		// The same id again: who got it already does not get it twice.
		time.Sleep(250 * time.Millisecond << attempt)
	}
}
