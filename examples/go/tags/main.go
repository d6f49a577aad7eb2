// Reads the tags topic with franz-go: `go run ./tags localhost:9092 outfit.tags my-group`.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
)

type tagged struct {
	ShopperID string `json:"shopper_id"`
	UploadID  string `json:"upload_id"`
	Backfill  bool   `json:"backfill"`
	Tags      []struct {
		ID string `json:"id"`
	} `json:"tags"`
}

func main() {
	log.SetFlags(0)
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(os.Args[1], ",")...),
		kgo.ConsumeTopics(os.Args[2]),
		kgo.ConsumerGroup(os.Args[3]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for stop.Err() == nil {
		records := client.PollFetches(stop)
		records.EachError(func(_ string, _ int32, err error) {
			if stop.Err() == nil {
				log.Printf("not read: %v", err)
			}
		})
		records.EachRecord(func(record *kgo.Record) {
			if err := handle(record); err != nil {
				log.Fatal(err)
			}
		})
		// Commit after the work, also when a signal came meanwhile.
		if err := client.CommitUncommittedOffsets(context.WithoutCancel(stop)); err != nil {
			log.Printf("not committed: %v", err)
		}
	}
}

// handle does the work for one event. It may come twice: make the work idempotent by upload.
func handle(record *kgo.Record) error {
	kind := ""
	for _, header := range record.Headers {
		if header.Key == "ce_type" {
			kind = string(header.Value)
		}
	}
	if kind != "hangtag.outfit-tagged.v1" {
		return nil // an event of a later version, which needs another program
	}
	value := record.Value
	if value[0] == 0 {
		value = value[5:] // the zero byte and the id of a Schema Registry
	}
	var event tagged
	if err := json.Unmarshal(value, &event); err != nil {
		return err
	}
	note := ""
	if event.Backfill {
		note = " (backfill)"
	}
	ids := make([]string, len(event.Tags))
	for at, tag := range event.Tags {
		ids[at] = tag.ID
	}
	fmt.Printf("%s %s%s: %s\n", event.ShopperID, event.UploadID, note, strings.Join(ids, " "))
	return nil
}
