import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Arrays;

/** Sends bodies of blanks, and prints the status of each response: java Uploads.java URL BYTES COUNT [NAME VALUE ...] */
class Uploads {
    public static void main(String[] arguments) throws Exception {
        byte[] body = new byte[Integer.parseInt(arguments[1])];
        Arrays.fill(body, (byte) ' ');
        String[] headers = Arrays.copyOfRange(arguments, 3, arguments.length);
        System.out.print("{");
        for (HttpClient.Version version : HttpClient.Version.values()) {
            HttpClient client = HttpClient.newBuilder().version(version).build();
            for (boolean chunked : new boolean[] {false, true}) {
                String separator = version.ordinal() == 0 && !chunked ? "" : ",";
                System.out.print(separator + "\"" + version + (chunked ? " chunked" : "") + "\":[");
                for (int number = 0; number < Integer.parseInt(arguments[2]); number++) {
                    BodyPublisher sent = chunked
                        ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body))
                        : BodyPublishers.ofByteArray(body);
                    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(arguments[0])).POST(sent);
                    if (headers.length > 0) {
                        request.headers(headers);
                    }
                    String status;
                    try {
                        status = "" + client.send(request.build(), BodyHandlers.ofString()).statusCode();
                    } catch (Exception error) {
                        status = "\"" + error + "\"";
                    }
                    System.out.print((number == 0 ? "" : ",") + status);
                }
                System.out.print("]");
            }
        }
        System.out.println("}");
        System.exit(0);
    }
}
