// Package gatewayapi is the Gateway API's conformance suite with its clients watched: whatever a test of the suite sends to a
// Gateway is written down, one line of JSON for each exchange. tests/tools/install builds it as `conformance`, and
// tests/conformance/run compares the lines with what the gateway says of the same exchanges.
//
// Always holds: a request goes out as the suite made it, by the suite's own clients; they are only timed and listened to.
package gatewayapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/websocket"
	"google.golang.org/grpc/metadata"
	suitegrpc "sigs.k8s.io/gateway-api/conformance/utils/grpc"
	"sigs.k8s.io/gateway-api/conformance/utils/roundtripper"
	suitewebsocket "sigs.k8s.io/gateway-api/conformance/utils/websocket"
)

// Exchange is what a client of the suite saw. An absent code means that no answer came, and Error says why.
type Exchange struct {
	Via     string    `json:"via"` // http, grpc or websocket: which of the suite's clients
	Test    string    `json:"test"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	Address string    `json:"address"`
	Scheme  string    `json:"scheme"`
	Method  string    `json:"method"`
	Host    string    `json:"host"`
	Path    string    `json:"path"`
	Query   string    `json:"query,omitempty"`
	// Of the answer.
	Protocol   string `json:"protocol,omitempty"`
	Code       int    `json:"code,omitempty"`
	GRPCStatus string `json:"grpc_status,omitempty"`
	RequestID  string `json:"request_id,omitempty"`
	Error      string `json:"error,omitempty"`
	// What the suite's echo server says that it got: proof from behind the gateway.
	BackendRequestID   string `json:"backend_request_id,omitempty"`
	BackendTraceparent string `json:"backend_traceparent,omitempty"`
}

// Exchanges is the file of lines. Tests of the suite run at the same time, so it is written under a lock, a whole line at once.
type Exchanges struct {
	mutex sync.Mutex
	file  *os.File
	err   error
}

// OpenExchanges begins a new file.
func OpenExchanges(path string) (*Exchanges, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &Exchanges{file: file}, nil
}

// Close ends the file and gives the first error of writing it: a lost line must not look like a quiet gateway.
func (e *Exchanges) Close() error {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if err := e.file.Close(); e.err == nil {
		e.err = err
	}
	return e.err
}

func (e *Exchanges) add(exchange Exchange) {
	line, err := json.Marshal(exchange)
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if err == nil {
		_, err = e.file.Write(append(line, '\n'))
	}
	if e.err == nil {
		e.err = err
	}
}

// RoundTripper notes what another one does.
type RoundTripper struct {
	Inner roundtripper.RoundTripper
	Notes *Exchanges
}

// CaptureRoundTrip is the suite's way to send a request and to have the answer taken apart.
func (r *RoundTripper) CaptureRoundTrip(request roundtripper.Request) (
	*roundtripper.CapturedRequest, *roundtripper.CapturedResponse, error,
) {
	exchange := begin("http", nameOf(request.T), &request.URL)
	if request.Method != "" {
		exchange.Method = request.Method
	}
	if request.Host != "" {
		exchange.Host = request.Host
	}
	captured, response, err := r.Inner.CaptureRoundTrip(request)
	exchange.Ended = time.Now()
	if response != nil {
		exchange.Code, exchange.Protocol = response.StatusCode, response.Protocol
		exchange.RequestID = http.Header(response.Headers).Get("X-Request-Id")
	}
	if captured != nil {
		exchange.BackendRequestID = http.Header(captured.Headers).Get("X-Request-Id")
		exchange.BackendTraceparent = http.Header(captured.Headers).Get("Traceparent")
	}
	exchange.failed(err)
	r.Notes.add(exchange)
	return captured, response, err
}

// GRPCClient notes what the suite's own client does. Without a client of ours the suite makes one for each expectation, or for
// each call where calls run at the same time; this makes one for each call, so no call meets another one's connection.
type GRPCClient struct {
	Notes *Exchanges
}

// SendRPC sends a call.
func (c *GRPCClient) SendRPC(
	t *testing.T, address string, expected suitegrpc.ExpectedResponse, timeout time.Duration,
) (*suitegrpc.Response, error) {
	t.Helper()
	client := &suitegrpc.DefaultClient{}
	defer client.Close()
	exchange := begin("grpc", nameOf(t), &url.URL{Scheme: "http", Host: address, Path: pathOf(&expected)})
	exchange.Method = http.MethodPost
	if expected.RequestMetadata != nil && expected.RequestMetadata.Authority != "" {
		exchange.Host = expected.RequestMetadata.Authority
	}
	response, err := client.SendRPC(t, address, expected, timeout)
	exchange.Ended = time.Now()
	if response != nil && err == nil {
		exchange.answered(response)
	}
	exchange.failed(err)
	c.Notes.add(exchange)
	return response, err
}

// Close has nothing to close.
func (c *GRPCClient) Close() {}

// An answer shows itself by its fields: a code alone may be the client's own, for a connection that it did not get.
func (x *Exchange) answered(response *suitegrpc.Response) {
	for _, fields := range []*metadata.MD{response.Headers, response.Trailers} {
		if fields != nil {
			for _, id := range fields.Get("x-request-id") {
				x.RequestID = id
			}
		}
	}
	x.GRPCStatus = response.Code.String()
	if x.RequestID == "" {
		x.Error = "no field of an answer; the client says " + x.GRPCStatus
		return
	}
	x.Code, x.Protocol = http.StatusOK, "HTTP/2.0"
}

// WebSocketDialer notes what another one does.
type WebSocketDialer struct {
	Inner suitewebsocket.Dialer
	Notes *Exchanges
}

// Dial opens a connection. The exchange lasts as long as the connection, so its end is not known here.
func (d *WebSocketDialer) Dial(to, protocol, origin string) (*websocket.Conn, error) {
	parsed, err := url.Parse(to)
	if err != nil {
		parsed = &url.URL{Scheme: "ws", Host: to}
	}
	// The interface does not say which test dials; the suite's tests name themselves in the origin.
	exchange := begin("websocket", origin, parsed)
	exchange.Scheme = map[string]string{"ws": "http", "wss": "https"}[parsed.Scheme]
	connection, err := d.Inner.Dial(to, protocol, origin)
	exchange.Ended = time.Now()
	if err == nil {
		exchange.Code, exchange.Protocol = http.StatusSwitchingProtocols, "HTTP/1.1"
	}
	exchange.failed(err)
	d.Notes.add(exchange)
	return connection, err
}

func begin(via, test string, to *url.URL) Exchange {
	path := to.EscapedPath()
	if path == "" {
		path = "/"
	}
	return Exchange{
		Via: via, Test: test, Began: time.Now(), Address: to.Host, Scheme: to.Scheme,
		Method: http.MethodGet, Host: to.Host, Path: path, Query: to.RawQuery,
	}
}

func (x *Exchange) failed(err error) {
	if err != nil {
		x.Error = err.Error()
	}
}

func nameOf(t *testing.T) string {
	if t == nil {
		return ""
	}
	return t.Name()
}

func pathOf(expected *suitegrpc.ExpectedResponse) string {
	method := "EchoThree"
	switch {
	case expected.EchoRequest != nil:
		method = "Echo"
	case expected.EchoTwoRequest != nil:
		method = "EchoTwo"
	}
	return fmt.Sprintf("/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/%s", method)
}
