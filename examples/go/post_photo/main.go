// Posts one photo to the HTTP gateway: `go run ./post_photo http://127.0.0.1:8080 dress.jpg s-42 order-7-photo-1`.
// It needs Go 1.26 or later and no module, and the gateway's token in HANGTAG_GATEWAY_TOKEN.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	log.SetFlags(0)
	id, err := post(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(id)
}

// post sends the photo until the gateway accepts it, and returns the upload's id. The same key is the same upload.
func post(gateway, photo, shopper, key string) (string, error) {
	form, kind, err := form(photo, shopper)
	if err != nil {
		return "", err
	}
	client := http.Client{Timeout: time.Minute}
	var last error
	for range 5 {
		request, err := http.NewRequest("POST", gateway+"/uploads", bytes.NewReader(form))
		if err != nil {
			return "", err
		}
		request.Header.Set("Authorization", "Bearer "+os.Getenv("HANGTAG_GATEWAY_TOKEN"))
		request.Header.Set("Idempotency-Key", key)
		request.Header.Set("Content-Type", kind)
		answer, body, err := do(&client, request)
		if err != nil {
			// The gateway may have the photo: with the same key it does not publish it twice.
			last = fmt.Errorf("not accepted: %w", err)
			time.Sleep(time.Second)
			continue
		}
		if answer.StatusCode == http.StatusAccepted {
			var accepted struct {
				UploadID string `json:"upload_id"`
			}
			err = json.Unmarshal(body, &accepted)
			return accepted.UploadID, err
		}
		last = fmt.Errorf("not accepted: %s %s", answer.Status, body)
		switch answer.StatusCode {
		case http.StatusRequestTimeout, http.StatusConflict, http.StatusServiceUnavailable:
			// The same request may succeed later.
		default:
			return "", last
		}
		seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if err != nil {
			seconds = 1
		}
		time.Sleep(time.Duration(seconds) * time.Second)
	}
	return "", last
}

// do sends a request and reads the whole answer.
func do(client *http.Client, request *http.Request) (*http.Response, []byte, error) {
	answer, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, body, err
}

// form returns the request's body and its content type.
func form(photo, shopper string) ([]byte, string, error) {
	content, err := os.ReadFile(photo)
	if err != nil {
		return nil, "", err
	}
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	if err := writer.WriteField("shopper_id", shopper); err != nil {
		return nil, "", err
	}
	file, err := writer.CreateFormFile("photo", "photo")
	if err != nil {
		return nil, "", err
	}
	if _, err := file.Write(content); err != nil {
		return nil, "", err
	}
	if err := writer.Close(); err != nil { // writes the form's end
		return nil, "", err
	}
	return body.Bytes(), writer.FormDataContentType(), nil
}
