package cloudwatch

import "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

// A Kind is how the numbers of a metric follow from each other.
type Kind string

// The kinds of metrics.
const (
	Gauge     Kind = "gauge"     // the number now
	Counter   Kind = "counter"   // how much came on top since the turn before
	Histogram Kind = "histogram" // the distribution of what came on top since the turn before
)

// A Metric is shipped. Dolt's own keep the names that Dolt gives them.
type Metric struct {
	Name string
	Unit types.StandardUnit
	Kind Kind
	What string // for people
}

// agentMetrics are what the agent knows by itself.
var agentMetrics = []Metric{
	{Name: "database_up", Unit: types.StandardUnitNone, Kind: Gauge, What: "1: the database's process runs"},
	{Name: "database_serving", Unit: types.StandardUnitNone, Kind: Gauge, What: "1: the database answers, with the version and settings that were ordered"},
	{Name: "database_restarts", Unit: types.StandardUnitCount, Kind: Counter, What: "restarts that no order asked for"},
	{Name: "volume_size_bytes", Unit: types.StandardUnitBytes, Kind: Gauge, What: "size of the data volume; missing while none is attached"},
	{Name: "volume_used_bytes", Unit: types.StandardUnitBytes, Kind: Gauge, What: "of it in use; missing likewise"},
	{Name: "disk_full", Unit: types.StandardUnitNone, Kind: Gauge, What: "1: the volume is, or soon is, without room"},
}

// doltMetrics are what is shipped of Dolt's endpoint. CloudWatch charges by the
// metric, so what is not here stays on the machine: Go's own, the process's, and
// dss_dolt_version, a version as one number, which status tells better.
var doltMetrics = []Metric{
	{Name: "dss_concurrent_connections", Unit: types.StandardUnitCount, Kind: Gauge, What: "clients that are connected"},
	{Name: "dss_concurrent_queries", Unit: types.StandardUnitCount, Kind: Gauge, What: "queries that run"},
	{Name: "dss_connects", Unit: types.StandardUnitCount, Kind: Counter, What: "connections that were opened"},
	{Name: "dss_disconnects", Unit: types.StandardUnitCount, Kind: Counter, What: "connections that were closed"},
	{Name: "dss_query_duration", Unit: types.StandardUnitSeconds, Kind: Histogram, What: "how long queries took; their number is the sample count. " +
		"Sum and average are exact, percentiles as fine as Dolt's buckets (powers of ten)"},
	{Name: "dss_is_replica", Unit: types.StandardUnitNone, Kind: Gauge, What: "1: a database of this server is a standby; missing without replication"},
	{Name: "dss_replication_lag", Unit: types.StandardUnitMilliseconds, Kind: Gauge, What: "of a primary: how far behind the slowest standby is; missing where that is not known"},
	{Name: "sys_cpu_usage", Unit: types.StandardUnitPercent, Kind: Gauge, What: "of the machine"},
	{Name: "sys_mem_usage", Unit: types.StandardUnitPercent, Kind: Gauge, What: "of the machine"},
	{Name: "sys_disk_usage", Unit: types.StandardUnitPercent, Kind: Gauge, What: "of the file system that the data is on"},
}

// Metrics are all that is shipped.
func Metrics() []Metric { return append(append([]Metric{}, agentMetrics...), doltMetrics...) }
