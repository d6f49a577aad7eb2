// Publishes one upload to Kafka with Kafka's own client and Jackson:
// `java -cp 'libs/*' PublishUpload.java localhost:9092 outfit.uploads s-42 u-1 s3://photos/s-42/u-1.jpg`.
// Store the photo first: Hangtag reads it at the address that the event names.
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Instant;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class PublishUpload {
    public static void main(String[] args) throws Exception {
        // Kafka's own client hashes keys by murmur2, so that a shopper has one partition.
        Map<String, Object> config = Map.of(
            "bootstrap.servers", args[0],
            "acks", "all",
            "enable.idempotence", "true");
        var event = Map.of(
            "upload_id", args[3],
            "shopper_id", args[2],
            "uploaded_at", Instant.now().toString(),
            "photo", Map.of("uri", args[4]));
        var value = new ObjectMapper().writeValueAsBytes(event);
        try (var producer = new KafkaProducer<>(config, new StringSerializer(), new ByteArraySerializer())) {
            // `get` waits until all in-sync replicas have the event, and throws if they do not.
            var written = producer.send(new ProducerRecord<>(args[1], args[2], value)).get();
            System.out.println(written.partition() + " " + written.offset());
        }
    }
}
