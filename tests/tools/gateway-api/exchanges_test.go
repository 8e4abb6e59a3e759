package gatewayapi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"
	"sigs.k8s.io/gateway-api/conformance/utils/config"
	suitegrpc "sigs.k8s.io/gateway-api/conformance/utils/grpc"
	"sigs.k8s.io/gateway-api/conformance/utils/roundtripper"
	suitewebsocket "sigs.k8s.io/gateway-api/conformance/utils/websocket"

	pb "sigs.k8s.io/gateway-api/conformance/echo-basic/grpcechoserver"
)

// noted gives the exchanges that `do` writes down.
func noted(t *testing.T, do func(*Exchanges)) []Exchange {
	path := filepath.Join(t.TempDir(), "exchanges")
	notes, err := OpenExchanges(path)
	require.NoError(t, err)
	do(notes)
	require.NoError(t, notes.Close())
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	var all []Exchange
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var one Exchange
		require.NoError(t, json.Unmarshal(lines.Bytes(), &one))
		require.False(t, one.Ended.Before(one.Began))
		all = append(all, one)
	}
	return all
}

func defaultRoundTripper() *roundtripper.DefaultRoundTripper {
	return &roundtripper.DefaultRoundTripper{TimeoutConfig: config.DefaultTimeoutConfig()}
}

// What the server gets is the same with and without a listener, and the suite gets the same answer.
func TestNotesOfHTTP(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, fmt.Sprint(r.Method, r.Host, r.RequestURI, r.Proto, r.Header))
		w.Header().Set("X-Request-ID", "answer")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, `{"headers":{"X-Request-Id":["seen"],"Traceparent":["00-1-2-01"]}}`)
	}))
	defer server.Close()
	to, err := url.Parse(server.URL + "/a%2Fb?c=d")
	require.NoError(t, err)
	request := roundtripper.Request{
		T: t, URL: *to, Host: "shop.example", Method: "PATCH", Headers: map[string][]string{"X-A": {"b"}},
	}
	captured, response, err := defaultRoundTripper().CaptureRoundTrip(request)
	require.NoError(t, err)
	all := noted(t, func(notes *Exchanges) {
		ours, answer, err := (&RoundTripper{Inner: defaultRoundTripper(), Notes: notes}).CaptureRoundTrip(request)
		require.NoError(t, err)
		require.Equal(t, captured, ours)
		require.Equal(t, response.StatusCode, answer.StatusCode)
	})
	require.Len(t, got, 2)
	require.Equal(t, got[0], got[1])
	require.Len(t, all, 1)
	one := all[0]
	one.Began, one.Ended = time.Time{}, time.Time{}
	require.Equal(t, Exchange{
		Via: "http", Test: t.Name(), Address: to.Host, Scheme: "http", Method: "PATCH", Host: "shop.example", Path: "/a%2Fb",
		Query: "c=d", Protocol: "HTTP/1.1", Code: http.StatusTeapot, RequestID: "answer", BackendRequestID: "seen",
		BackendTraceparent: "00-1-2-01",
	}, one)
}

func TestNotesOfFailures(t *testing.T) {
	server := httptest.NewServer(nil)
	address := server.Listener.Addr().String()
	server.Close()
	all := noted(t, func(notes *Exchanges) {
		request := roundtripper.Request{T: t, URL: url.URL{Scheme: "http", Host: address}}
		_, _, err := (&RoundTripper{Inner: defaultRoundTripper(), Notes: notes}).CaptureRoundTrip(request)
		require.Error(t, err)
		_, err = (&GRPCClient{Notes: notes}).SendRPC(t, address, suitegrpc.ExpectedResponse{EchoTwoRequest: &pb.EchoRequest{}}, time.Second)
		require.NoError(t, err, "the suite's client tells it by a code")
		dialer := &WebSocketDialer{Inner: &suitewebsocket.DefaultDialer{}, Notes: notes}
		_, err = dialer.Dial("ws://"+address+"/ws", "", "ws://gateway/TestName")
		require.Error(t, err)
	})
	require.Len(t, all, 3)
	for _, one := range all {
		require.Zero(t, one.Code)
		require.NotEmpty(t, one.Error)
	}
	require.Equal(t, []string{"/", "GET"}, []string{all[0].Path, all[0].Method})
	require.True(t, strings.HasSuffix(all[1].Path, "GrpcEcho/EchoTwo"), all[1].Path)
	require.Equal(t, []string{"/ws", "ws://gateway/TestName"}, []string{all[2].Path, all[2].Test})
}

func TestNotesOfWebSocket(t *testing.T) {
	server := httptest.NewServer(websocket.Handler(func(ws *websocket.Conn) { ws.Close() }))
	defer server.Close()
	all := noted(t, func(notes *Exchanges) {
		dialer := &WebSocketDialer{Inner: &suitewebsocket.DefaultDialer{}, Notes: notes}
		connection, err := dialer.Dial(strings.Replace(server.URL, "http", "ws", 1)+"/ws", "", "ws://gateway/TestName")
		require.NoError(t, err)
		connection.Close()
	})
	require.Len(t, all, 1)
	require.Equal(t, http.StatusSwitchingProtocols, all[0].Code)
}

// A full disk must not look like a suite that sent nothing.
func TestNotesThatCannotBeWritten(t *testing.T) {
	notes, err := OpenExchanges("/dev/full")
	require.NoError(t, err)
	notes.add(Exchange{})
	require.Error(t, notes.Close())
	_, err = OpenExchanges(t.TempDir() + "/no/folder")
	require.Error(t, err)
}
