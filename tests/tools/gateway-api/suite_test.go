package gatewayapi

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/gateway-api/conformance/utils/config"
	"sigs.k8s.io/gateway-api/conformance/utils/roundtripper"
	"sigs.k8s.io/gateway-api/conformance/utils/websocket"
)

var exchanges = flag.String("exchanges", "", "file for a line of JSON about each exchange; without it nobody listens")

// TestConformance is the suite's own test of this name (conformance_test.go of its module): the same options, the same tests.
// With -exchanges the clients that the suite would use anyway are handed to it inside of ours.
func TestConformance(t *testing.T) {
	options := conformance.DefaultOptions(t)
	if *exchanges != "" {
		notes, err := OpenExchanges(*exchanges)
		require.NoError(t, err, "the file of exchanges")
		t.Cleanup(func() { require.NoError(t, notes.Close(), "the file of exchanges") })
		// What NewConformanceTestSuite does before it makes its round tripper of them.
		config.SetupTimeoutConfig(&options.TimeoutConfig)
		inner := &roundtripper.DefaultRoundTripper{Debug: options.Debug, TimeoutConfig: options.TimeoutConfig}
		options.RoundTripper = &RoundTripper{Inner: inner, Notes: notes}
		options.GRPCClient = &GRPCClient{Notes: notes}
		options.WebSocketDialer = &WebSocketDialer{Inner: &websocket.DefaultDialer{}, Notes: notes}
	}
	conformance.RunConformanceWithOptions(t, options)
}
