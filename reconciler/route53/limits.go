package route53

import "github.com/mainstaydb/mainstay/reconciler/awslimit"

// request stands for every action: Route 53 counts all requests together.
const request = "request"

// Buckets are AWS's published limits for an account, not a zone. Accounts with the
// older limit of five requests a second are told by being throttled, which says
// nothing about changes of records.
func Buckets() []awslimit.Bucket {
	return []awslimit.Bucket{
		{Name: "requests to Route 53", Actions: []string{request}, Burst: 50, PerSecond: 10},
		{Name: "changes of records", Actions: []string{request}, Units: true, Spared: true, Burst: 1500, PerSecond: 100},
	}
}
