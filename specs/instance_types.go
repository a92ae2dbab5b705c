package specs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// instanceFamily is how EC2 names families: letters, a generation, what is special
// about it, and for some a suffix (t3, m5dn, u7i-12tb, mac2-m2pro, m7i-flex); the
// oldest of the large ones have none of that (u-6tb1).
var instanceFamily = regexp.MustCompile(`^([a-z]{1,4}[0-9][a-z]*(-[a-z0-9]+)?|u-[0-9]+tb[0-9])$`)

// instanceSizes are the sizes that EC2 has published for any family.
var instanceSizes = strings.Fields(`nano micro small medium large xlarge 2xlarge 3xlarge 4xlarge 6xlarge 8xlarge 9xlarge
	10xlarge 12xlarge 16xlarge 18xlarge 24xlarge 32xlarge 36xlarge 48xlarge 56xlarge 96xlarge 112xlarge 224xlarge 480xlarge
	metal metal-16xl metal-24xl metal-32xl metal-48xl metal-96xl`)

// checkInstanceType tells of a type that cannot be one of EC2. Whether a type that
// could be is offered in its zone, only EC2 knows: so it is a warning, and a family
// or size that is newer than this list does not stop anybody. The local cloud takes
// any name.
func checkInstanceType(r *rules, d *Deployment) {
	if !instanceType.MatchString(d.InstanceType) {
		r.matches("instance-type-syntax", "instance_type", d.InstanceType, instanceType, "use a family and a size such as t3.small")
		return
	}
	if d.Zone == LocalZone {
		return
	}
	family, size, _ := strings.Cut(d.InstanceType, ".")
	if !instanceFamily.MatchString(family) {
		r.remark(Warning, "instance-type", "instance_type",
			fmt.Sprintf("%q does not look like a family of EC2", family), "use a letter or more and a generation, such as t3, m7g or r6id")
	}
	if !slices.Contains(instanceSizes, size) {
		advice := "use a size such as small, large or 2xlarge"
		if near := Nearest(size, instanceSizes); near != "" {
			advice = fmt.Sprintf("did you mean %s.%s?", family, near)
		}
		r.remark(Warning, "instance-type", "instance_type", fmt.Sprintf("EC2 has no size %q", size), advice)
	}
}
