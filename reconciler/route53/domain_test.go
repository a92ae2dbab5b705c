package route53

import (
	"slices"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for listed, want := range map[string]string{
		"shop.db.example.com.":      "shop.db.example.com",
		"Shop.DB.example.com":       "shop.db.example.com",
		`\052.db.example.com.`:      "*.db.example.com",
		`\101\102.example.com.`:     "ab.example.com",
		`\137mainstay.example.com.`: "_mainstay.example.com",
		`a\056b.example.com.`:       `a\056b.example.com`, // a dot inside a label parts nothing
		`a\134b.example.com.`:       `a\134b.example.com`,
		`a\040b.example.com.`:       `a\040b.example.com`,
		`f\374bar.example.com.`:     `f\374bar.example.com`,
		`a\9zz.example.com.`:        `a\9zz.example.com`,
		`a\05`:                      `a\05`,
		"":                          "",
		".":                         "",
	} {
		if got := canonical(listed); got != want {
			t.Errorf("canonical(%q) = %q, want %q", listed, got, want)
		}
	}
}

// TestOrder: names sort as Route 53 lists them, so that all of a domain stand together.
func TestOrder(t *testing.T) {
	t.Parallel()
	want := []string{
		"example.com", "db-x.example.com", "db.example.com", "*.db.example.com", "shop-0.db.example.com", "_mainstay.shop-0.db.example.com",
		"shop.db.example.com", "0.shop.db.example.com", "_mainstay.shop.db.example.com", "a.shop.db.example.com", "dba.example.com",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b string) int { return strings.Compare(sortKey(a), sortKey(b)) })
	if !slices.Equal(got, want) {
		t.Errorf("sorted %q, want %q", got, want)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	const domain = "db.example.com"
	for name, ok := range map[string]bool{
		"shop." + domain: true, "a.b." + domain: true, "0." + domain: true, "x--y." + domain: true,
		domain: false, "." + domain: false, "a..b." + domain: false, "shop.example.com": false, "xdb.example.com": false,
		"-a." + domain: false, "a-." + domain: false, "a_b." + domain: false, "*." + domain: false, "A." + domain: false, "é." + domain: false,
		strings.Repeat("a", 63) + "." + domain: true, strings.Repeat("a", 64) + "." + domain: false,
		strings.Repeat("abcdefg.", 28) + domain: true, strings.Repeat("abcdefg.", 29) + domain: false, // with the owner's label: 248 and 256
	} {
		if err := checkName(name, domain); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	good := Options{Client: struct{ Client }{}, HostedZone: "/hostedzone/Z0123456789ABCDEFGHIJ", Domain: "DB.example.com.", Fleet: "prod-eu.1"}
	n, err := New(good)
	if err != nil || n.Domain() != "db.example.com" || n.zone != "Z0123456789ABCDEFGHIJ" {
		t.Fatalf("%+v, %v", n, err)
	}
	for want, edit := range map[string]func(*Options){
		"Client":           func(o *Options) { o.Client = nil },
		"hosted zone":      func(o *Options) { o.HostedZone = "example.com" },
		"not a domain":     func(o *Options) { o.Domain = "localhost" },
		`"" is not a dom`:  func(o *Options) { o.Domain = "" },
		`"_x.example.com"`: func(o *Options) { o.Domain = "_x.example.com" },
		"fleet":            func(o *Options) { o.Fleet = `a b` },
	} {
		bad := good
		edit(&bad)
		if _, err := New(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := New(Options{}); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("nothing given: %v, want all four that are needed", err)
	}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	full := owner{fleet: "prod", deployment: "one", types: []string{"A", "AAAA"}}
	for text, want := range map[string]*owner{
		full.text(): &full,
		`"mainstay fleet=prod deployment=one records=AAAA,A"`:         &full,
		`"mainstay deployment=one since=2 fleet=prod records=AAAA,A"`: &full, // a later version may say more
		`"mainstay fleet=prod deployment=one"`:                        {fleet: "prod", deployment: "one"},
		`"mainstay fleet=prod"`:                                       nil,
		`"mainstay"`:                                                  nil,
		`mainstay fleet=prod deployment=one records=A`:                nil,
		`"mainstay fleet=prod" "deployment=one records=A"`:            nil,
		`"other fleet=prod deployment=one records=A"`:                 nil,
		`""`: nil, `"`: nil, ``: nil, `"   "`: nil,
	} {
		got, ok := parseOwner(text)
		if ok != (want != nil) || ok && !got.equal(*want) {
			t.Errorf("%s: %+v, %t", text, got, ok)
		}
	}
	less := full.without("A")
	more := less.with("A").with("A")
	if less.has("A") || !full.has("A") || !more.equal(full) || !full.without("A").without("AAAA").equal(owner{fleet: "prod", deployment: "one"}) {
		t.Errorf("%+v, %+v, %+v", full, less, more)
	}
}
