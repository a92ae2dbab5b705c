package secretsmanager_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/mainstaydb/mainstay/reconciler/mototest"
)

// A world is moto behind a proxy.
type world struct {
	*mototest.Proxy
	client *sdk.Client
}

// newWorld opens moto, which make conformance starts.
func newWorld(t *testing.T) *world {
	t.Helper()
	p := mototest.Open(t)
	return &world{Proxy: p, client: sdk.NewFromConfig(p.Config())}
}
