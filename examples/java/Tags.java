// Reads the tags topic with Kafka's own client and Jackson: `java -cp 'libs/*' Tags.java localhost:9092 outfit.tags my-group`.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Tags {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        Map<String, Object> config = Map.of(
            "bootstrap.servers", args[0],
            "group.id", args[2],
            "auto.offset.reset", "earliest",
            "enable.auto.commit", "false");
        var consumer = new KafkaConsumer<>(config, new StringDeserializer(), new ByteArrayDeserializer());
        var reading = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            consumer.wakeup();
            try {
                reading.join(); // let it commit and leave its group
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
            }
        }));
        try (consumer) {
            consumer.subscribe(List.of(args[1]));
            while (true) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    handle(record);
                }
                consumer.commitSync(); // commit after the work
            }
        } catch (WakeupException stop) {
            // a signal asked the program to stop
        }
    }

    // Does the work for one event. It may come twice: make the work idempotent by upload.
    private static void handle(ConsumerRecord<String, byte[]> record) throws IOException {
        var type = record.headers().lastHeader("ce_type");
        if (type == null || !new String(type.value(), StandardCharsets.UTF_8).equals("hangtag.outfit-tagged.v1")) {
            return; // an event of a later version, which needs another program
        }
        var value = record.value();
        int start = value[0] == 0 ? 5 : 0; // skip the zero byte and id of a Schema Registry
        JsonNode event = JSON.readTree(value, start, value.length - start);
        var tags = new StringJoiner(" ");
        event.get("tags").forEach(tag -> tags.add(tag.get("id").asText()));
        var note = event.path("backfill").asBoolean() ? " (backfill)" : "";
        System.out.printf("%s %s%s: %s%n",
            event.get("shopper_id").asText(), event.get("upload_id").asText(), note, tags);
    }
}
