// Package gatewayapi keeps the conformance suite among the requirements of go.mod; tests/tools/install builds the
// suite's own test, unmodified.
package gatewayapi

import _ "sigs.k8s.io/gateway-api/conformance"
