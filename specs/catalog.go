package specs

import (
	_ "embed"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// A SettingKind is what values a setting takes.
type SettingKind string

// The kinds of settings.
const (
	BoolSetting SettingKind = "bool"
	IntSetting  SettingKind = "int"
	EnumSetting SettingKind = "enum"
	TextSetting SettingKind = "text"
)

// A Setting is one thing that may be set for a deployment's server.
type Setting struct {
	Name       string // dotted key of Dolt's config.yaml
	Kind       SettingKind
	Min, Max   int64    // IntSetting
	Values     []string // EnumSetting
	MinVersion string   // first release of Dolt that knows it; empty: all that matter
	About      string   // one sentence for the docs
}

const (
	maxUint32 = 1<<32 - 1
	// maxMillis bounds timeouts: Dolt takes any 64-bit number, and a day is more
	// than a client that is still there would wait.
	maxMillis = 24 * 60 * 60 * 1000
)

// catalog holds the keys of config.yaml that a deployment may set, as Dolt's
// servercfg package reads them, with the first release that does.
var catalog = []Setting{
	{Name: "behavior.auto_gc_behavior.archive_level", Kind: IntSetting, Min: 0, Max: 1, MinVersion: "1.52.1", About: "Compression of the files that automatic garbage collection writes."},
	{Name: "behavior.auto_gc_behavior.enable", Kind: BoolSetting, MinVersion: "1.50.0", About: "Collect garbage by itself as the database grows."},
	{Name: "behavior.auto_gc_behavior.incremental_file_size", Kind: IntSetting, Min: 0, Max: 1 << 40, MinVersion: "1.86.6", About: "Size of the files, in bytes, that garbage collection writes step by step; 0: in one."},
	{Name: "behavior.autocommit", Kind: BoolSetting, About: "Every statement is a transaction unless one was begun."},
	{Name: "behavior.branch_activity_tracking", Kind: BoolSetting, MinVersion: "1.77.0", About: "Keep the table dolt_branch_activity."},
	{Name: "behavior.disable_client_multi_statements", Kind: BoolSetting, About: "Refuse several statements in one request."},
	{Name: "behavior.dolt_transaction_commit", Kind: BoolSetting, About: "Make a Dolt commit of every SQL transaction."},
	{Name: "behavior.event_scheduler", Kind: EnumSetting, Values: []string{"ON", "OFF", "DISABLED"}, MinVersion: "1.17.0", About: "Run scheduled events."},
	{Name: "behavior.read_only", Kind: BoolSetting, About: "Refuse writes."},
	{Name: "encode_logged_query", Kind: BoolSetting, About: "Write queries into the log in base64."},
	{Name: "listener.allow_cleartext_passwords", Kind: BoolSetting, About: "Let clients send passwords as they are, which authentication by token needs."},
	{Name: "listener.back_log", Kind: IntSetting, Min: 0, Max: maxUint32, MinVersion: "1.50.10", About: "Connections that wait when all are taken."},
	{Name: "listener.max_connections", Kind: IntSetting, Min: 1, Max: 100_000, About: "Connections at one time."},
	{Name: "listener.max_connections_timeout_millis", Kind: IntSetting, Min: 1, Max: maxMillis, MinVersion: "1.50.10", About: "How long a connection waits for a free place."},
	{Name: "listener.read_timeout_millis", Kind: IntSetting, Min: 1, Max: maxMillis, About: "How long an idle connection is kept."},
	{Name: "listener.require_secure_transport", Kind: BoolSetting, About: "Turn away clients without TLS."},
	{Name: "listener.write_timeout_millis", Kind: IntSetting, Min: 1, Max: maxMillis, About: "How long a client may take to receive."},
	{Name: "log_format", Kind: EnumSetting, Values: []string{"text", "json"}, MinVersion: "1.50.3", About: "Form of the log."},
	{Name: "log_level", Kind: EnumSetting, Values: []string{"trace", "debug", "info", "warning", "error", "fatal", "panic"}, About: "How much the log tells."},
	{Name: "max_logged_query_len", Kind: IntSetting, Min: 0, Max: 1 << 30, About: "Characters of a query that the log shows; 0: all."},
}

// owned are the parts of config.yaml that Mainstay writes itself, and why.
var owned = []struct{ prefix, why string }{
	{"listener.host", "the machine decides where its database listens"},
	{"listener.port", "the machine decides where its database listens"},
	{"listener.socket", "databases are reached over TLS only"},
	{"listener.tls_key", "the listener's certificate is made and renewed by Mainstay"},
	{"listener.tls_cert", "the listener's certificate is made and renewed by Mainstay"},
	{"listener.ca_cert", "the listener's certificate is made and renewed by Mainstay"},
	{"listener.require_client_cert", "Mainstay's health check would be turned away"},
	{"data_dir", "the data lives on the deployment's volume"},
	{"cfg_dir", "the data lives on the deployment's volume"},
	{"privilege_file", "the data lives on the deployment's volume"},
	{"branch_control_file", "the data lives on the deployment's volume"},
	{"user", "the administrator is made by Mainstay; make further users with SQL"},
	{"metrics", "metrics are collected by the machine's agent"},
	{"remotesapi", "the port would be open beside Mainstay's listener"},
	{"mcp_server", "the port would be open beside Mainstay's listener"},
	{"cluster", "replication is a matter of the column standbys"},
	{"jwks", "keys for tokens cannot be set yet"},
	{"user_session_vars", "variables of sessions cannot be set yet; use SQL"},
	{"golden_mysql_conn", "it is for testing Dolt itself"},
	{"performance", "Dolt ignores it"},
	{"behavior.persistence_behavior", "Dolt ignores it"},
}

// Catalog lists every key of config.yaml that may be set, by name. System
// variables come besides, as system_variables.<name>: see SystemVariables.
func Catalog() []Setting { return append([]Setting(nil), catalog...) }

// lookupSetting finds a key of config.yaml.
func lookupSetting(name string) (Setting, bool) {
	i := sort.Search(len(catalog), func(i int) bool { return catalog[i].Name >= name })
	if i < len(catalog) && catalog[i].Name == name {
		return catalog[i], true
	}
	return Setting{}, false
}

// ownedBy says why a key cannot be set; "": Mainstay does not own it.
func ownedBy(name string) string {
	for _, o := range owned {
		if name == o.prefix || strings.HasPrefix(name, o.prefix+".") {
			return o.why
		}
	}
	return ""
}

// accepts says what is wrong with a value; "": nothing.
func (s Setting) accepts(value string) (message, advice string) {
	switch s.Kind {
	case BoolSetting:
		if value != "true" && value != "false" {
			return fmt.Sprintf("%q is neither true nor false", value), "use true or false"
		}
	case EnumSetting:
		return s.acceptsWord(value)
	case IntSetting:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Sprintf("%q is not a whole number", value), fmt.Sprintf("use %d to %d", s.Min, s.Max)
		}
		if n < s.Min || n > s.Max {
			return fmt.Sprintf("%d is out of range", n), fmt.Sprintf("use %d to %d", s.Min, s.Max)
		}
	case TextSetting:
	}
	return "", ""
}

func (s Setting) acceptsWord(value string) (message, advice string) {
	for _, v := range s.Values {
		if v == value {
			return "", ""
		}
	}
	return fmt.Sprintf("%q is not one of its values", value), "use one of " + strings.Join(s.Values, ", ")
}
