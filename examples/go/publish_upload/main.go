// Publishes one upload to Kafka with franz-go:
// `go run ./publish_upload localhost:9092 outfit.uploads s-42 u-1 s3://photos/s-42/u-1.jpg`.
// Store the photo first: Hangtag reads it at the address that the event names.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type photo struct {
	URI string `json:"uri"`
}

type uploaded struct {
	UploadID   string    `json:"upload_id"`
	ShopperID  string    `json:"shopper_id"`
	UploadedAt time.Time `json:"uploaded_at"`
	Photo      photo     `json:"photo"`
}

func main() {
	log.SetFlags(0)
	servers, topic, shopper, upload, uri := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	// franz-go is idempotent, waits for all in-sync replicas, and hashes keys by murmur2, as Java does.
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(servers, ",")...))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	value, err := json.Marshal(uploaded{upload, shopper, time.Now().UTC(), photo{uri}})
	if err != nil {
		log.Fatal(err)
	}
	written, err := client.ProduceSync(
		context.Background(), &kgo.Record{Topic: topic, Key: []byte(shopper), Value: value},
	).First()
	if err != nil {
		log.Fatalf("not published: %v", err)
	}
	fmt.Println(written.Partition, written.Offset)
}
