package daemon

import (
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A checker looks for the first thing that is missing or wrong.
type checker struct {
	doc *yaml.Node
	err error
}

// fail keeps the first fault.
func (k *checker) fail(path, format string, args ...any) {
	if k.err == nil {
		k.err = fault(k.doc, path, path+": "+format, args...)
	}
}

// need says what to write where nothing is.
func (k *checker) need(path, value, advice string) {
	if value == "" {
		k.fail(path, "is missing; write %s", advice)
	}
}

// match says what to write where something else is. Nothing at all is let through.
func (k *checker) match(path, value string, pattern *regexp.Regexp, advice string) {
	if value != "" && !pattern.MatchString(value) {
		k.fail(path, "%q is not %s", value, advice)
	}
}

var (
	amiPattern      = regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`)
	subnetPattern   = regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`)
	groupPattern    = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
	regionPattern   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	fleetPattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)
	hostedPattern   = regexp.MustCompile(`^[A-Z0-9]{1,32}$`)
	domainPattern   = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`)
	checksumPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	mailPattern     = regexp.MustCompile(`^[^@ ]+@[^@ ]+$`)
)

// check returns the first thing that is missing or wrong.
func (c Config) check(doc *yaml.Node, checkHub func(string) error) error {
	k := &checker{doc: doc}
	k.need("hub.url", c.Hub.URL, "the address of the fleet's repository, such as http://127.0.0.1:8000/fleet")
	k.need("dir", c.Dir, "a directory of this control plane's own")
	if c.Hub.URL != "" {
		if err := checkHub(c.Hub.URL); err != nil {
			k.fail("hub.url", "%w", err)
		}
	}
	if c.Hub.PasswordFile != "" && c.Hub.User == "" {
		k.fail("hub.password_file", "it has no user to belong to; write hub.user")
	}
	c.checkCloud(k)
	c.checkSecrets(k)
	c.checkListen(k)
	c.checkNames(k)
	c.checkAgent(k)
	if c.GitHub != nil {
		c.GitHub.check(k)
	}
	return k.err
}

func (c Config) checkCloud(k *checker) {
	switch {
	case c.Cloud.Local != nil && c.Cloud.EC2 != nil:
		k.fail("cloud", "it names two clouds; a fleet lives in one, so write local or ec2")
	case c.Cloud.Local == nil && c.Cloud.EC2 == nil:
		k.fail("cloud", "it names no cloud; write local, for machines on this computer, or ec2")
	case c.Cloud.Local != nil:
		k.need("cloud.local.dir", c.Cloud.Local.Dir, "the directory in which machines and volumes are made")
	default:
		c.Cloud.EC2.check(k)
	}
}

func (e *EC2) check(k *checker) {
	k.need("cloud.ec2.fleet", e.Fleet, "a name for the fleet; all that is made carries it as a tag")
	k.need("cloud.ec2.region", e.Region, "the region of AWS, such as eu-west-1")
	k.need("cloud.ec2.ami", e.AMI, "the machine image that deploy/ami makes")
	k.match("cloud.ec2.fleet", e.Fleet, fleetPattern, "a name of lower-case letters, digits and hyphens, at most 41 of them")
	k.match("cloud.ec2.region", e.Region, regionPattern, "a region of AWS, such as eu-west-1")
	k.match("cloud.ec2.ami", e.AMI, amiPattern, "the id of a machine image, such as ami-0123456789abcdef0")
	if len(e.Subnets) == 0 {
		k.fail("cloud.ec2.subnets", "is missing; write the subnet of each zone, such as eu-west-1a: subnet-0123456789abcdef0")
	}
	for _, zone := range slices.Sorted(maps.Keys(e.Subnets)) { // the same fault is told first each time
		subnet := e.Subnets[zone]
		if !strings.HasPrefix(zone, e.Region) {
			k.fail("cloud.ec2.subnets", "zone %q is not in region %s", zone, e.Region)
		}
		k.match("cloud.ec2.subnets."+zone, subnet, subnetPattern, "the id of a subnet, such as subnet-0123456789abcdef0")
		k.need("cloud.ec2.subnets."+zone, subnet, "the id of a subnet in that zone")
	}
	for _, group := range e.SecurityGroups {
		k.match("cloud.ec2.security_groups", group, groupPattern, "the id of a security group, such as sg-0123456789abcdef0")
	}
	if e.AgentPort < 0 || e.AgentPort > 65535 {
		k.fail("cloud.ec2.agent_port", "%d is no port", e.AgentPort)
	}
	k.notNegative("cloud.ec2.look", e.Look)
	k.notNegative("cloud.ec2.strays.machines", e.Strays.Machines)
	k.notNegative("cloud.ec2.strays.volumes", e.Strays.Volumes)
	k.notNegative("cloud.ec2.keep_snapshots", e.KeepSnapshots)
}

func (k *checker) notNegative(path string, d time.Duration) {
	if d < 0 {
		k.fail(path, "it is negative; write a time such as 24h")
	}
}

func (c Config) checkSecrets(k *checker) {
	switch {
	case c.Secrets.Dir == "" && c.Secrets.AWS == nil:
		k.fail("secrets", "they have no place; write dir, the directory of a store of encrypted files, or aws: {} for Secrets Manager")
	case c.Secrets.Dir != "" && c.Secrets.AWS != nil:
		k.fail("secrets", "they have two places; write dir or aws")
	case c.Secrets.AWS != nil && c.Cloud.EC2 == nil:
		k.fail("secrets.aws", "it is for a fleet on EC2, whose account and region it uses; write dir")
	case c.Secrets.KeyFile != "" && c.Secrets.Dir == "":
		k.fail("secrets.key_file", "it is for a store of files; write dir, or leave it out")
	}
}

func (c Config) checkListen(k *checker) {
	if host, _, err := net.SplitHostPort(c.Listen); err != nil {
		k.fail("listen", "%q is no address; write host:port, such as 127.0.0.1:9400", c.Listen)
	} else if !isLoopback(host) {
		k.fail("listen", "%q is open to others, and it has no access control; write a loopback address", c.Listen)
	}
}

func (c Config) checkNames(k *checker) {
	if d := c.DNS; d != nil {
		if c.Cloud.EC2 == nil {
			k.fail("dns", "it is for a fleet on EC2; the local cloud's machines are on loopback")
		}
		k.need("dns.hosted_zone", d.HostedZone, "the id of the zone on Route 53")
		k.need("dns.domain", d.Domain, "the domain that all names end in, such as db.example.com")
		k.match("dns.hosted_zone", d.HostedZone, hostedPattern, "the id of a hosted zone, such as Z0123456789ABCDEF")
		k.match("dns.domain", d.Domain, domainPattern, "a domain in lower case, such as db.example.com")
	}
	if a := c.ACME; a != nil {
		if c.DNS == nil {
			k.fail("acme", "the authority asks for records in DNS; write dns too, or leave acme out")
		}
		k.need("acme.email", a.Email, "an address that the authority can warn, such as ops@example.com")
		k.match("acme.email", a.Email, mailPattern, "a mail address")
		if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
			k.fail("acme.directory", "%q is not an https address", a.Directory)
		}
	}
}

func (c Config) checkAgent(k *checker) {
	a := c.Agent
	if a == nil {
		return
	}
	k.need("agent.version", a.Version, "the version that the program says of itself")
	k.need("agent.url", a.URL, "where machines fetch it")
	k.need("agent.sha256", a.SHA256, "the checksum of what they fetch")
	k.match("agent.sha256", a.SHA256, checksumPattern, "a SHA-256 in hex")
	if u, err := url.Parse(a.URL); a.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		k.fail("agent.url", "%q is no http or https address", a.URL)
	}
}
