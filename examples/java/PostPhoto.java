// Posts one photo to the HTTP gateway: `java PostPhoto.java http://127.0.0.1:8080 dress.jpg s-42 order-7-photo-1`.
// It needs a JDK 17 or later and no library, and the gateway's token in HANGTAG_GATEWAY_TOKEN.
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;

public class PostPhoto {
    private static final Set<Integer> TRY_AGAIN = Set.of(408, 409, 503); // the same request may succeed later
    private static final Pattern UPLOAD_ID = Pattern.compile("\"upload_id\"\\s*:\\s*\"([^\"]+)\"");

    public static void main(String[] args) throws Exception {
        System.out.println(post(args[0], Path.of(args[1]), args[2], args[3]));
    }

    // Posts until the gateway accepts the photo, and returns the upload's id. The same key is the same upload.
    private static String post(String gateway, Path photo, String shopper, String key) throws Exception {
        var boundary = UUID.randomUUID().toString();
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        var request = HttpRequest.newBuilder(URI.create(gateway + "/uploads"))
            .timeout(Duration.ofSeconds(60))
            .header("Authorization", "Bearer " + System.getenv("HANGTAG_GATEWAY_TOKEN"))
            .header("Idempotency-Key", key)
            .header("Content-Type", "multipart/form-data; boundary=" + boundary)
            .POST(form(boundary, photo, shopper))
            .build();
        var trouble = "";
        for (int turn = 0; turn < 5; turn++) {
            HttpResponse<String> answer;
            try {
                answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            } catch (IOException error) {
                // The gateway may have the photo: with the same key it does not publish it twice.
                trouble = error.toString();
                Thread.sleep(1000);
                continue;
            }
            if (answer.statusCode() == 202) {
                var found = UPLOAD_ID.matcher(answer.body());
                if (!found.find()) {
                    throw new IOException("no upload_id in the answer: " + answer.body());
                }
                return found.group(1);
            }
            trouble = answer.statusCode() + " " + answer.body();
            if (!TRY_AGAIN.contains(answer.statusCode())) {
                break;
            }
            Thread.sleep(1000 * Long.parseLong(answer.headers().firstValue("Retry-After").orElse("1")));
        }
        throw new IOException("not accepted: " + trouble);
    }

    private static HttpRequest.BodyPublisher form(String boundary, Path photo, String shopper) throws IOException {
        var start = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"shopper_id\"\r\n\r\n" + shopper
            + "\r\n--" + boundary + "\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"photo\"\r\n"
            + "Content-Type: application/octet-stream\r\n\r\n";
        return BodyPublishers.concat(
            BodyPublishers.ofString(start),
            BodyPublishers.ofFile(photo),
            BodyPublishers.ofString("\r\n--" + boundary + "--\r\n"));
    }
}
