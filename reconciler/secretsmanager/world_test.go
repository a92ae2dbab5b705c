package secretsmanager_test

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
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
	endpoint := os.Getenv("MAINSTAY_TEST_MOTO")
	if endpoint == "" {
		t.Skip("MAINSTAY_TEST_MOTO does not name an endpoint: run make conformance")
	}
	p := mototest.New(t, endpoint)
	return &world{Proxy: p, client: sdk.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(p.URL),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})}
}
