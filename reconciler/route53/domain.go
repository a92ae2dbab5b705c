package route53

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// longestName is DNS's limit for a name, in characters.
const longestName = 253

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// checkDomain refuses what is no domain of hosts.
func checkDomain(domain string) error {
	labels := strings.Split(domain, ".")
	if len(labels) < 2 || len(domain) > longestName || slices.ContainsFunc(labels, func(l string) bool { return !label.MatchString(l) }) {
		return fmt.Errorf("%q is not a domain: it looks like db.example.com", domain)
	}
	return nil
}

// checkName refuses a name that cannot be kept in the domain with its owner beside it.
func checkName(name, domain string) error {
	if !below(name, domain) {
		return fmt.Errorf("%q is not below %s", name, domain)
	}
	if len(ownerName(name)) > longestName {
		return fmt.Errorf("%q is too long: with the record of its owner it must have at most %d characters", name, longestName)
	}
	for _, l := range strings.Split(strings.TrimSuffix(name, "."+domain), ".") {
		if !label.MatchString(l) {
			return fmt.Errorf("%q is not the name of a host: between dots stand up to 63 small letters, digits and hyphens inside", name)
		}
	}
	return nil
}

// below tells whether a name is in a domain, and not the domain itself.
func below(name, domain string) bool { return strings.HasSuffix(name, "."+domain) }

// canonical is a name of Route 53's as we write it: small letters, no dot at the
// end, and characters in place of Route 53's octal codes. A code stays where its
// character would be read as another thing: a dot, a backslash, what cannot be seen.
func canonical(listed string) string {
	listed = strings.TrimSuffix(listed, ".")
	var b strings.Builder
	for i := 0; i < len(listed); i++ {
		if listed[i] == '\\' && i+3 < len(listed) {
			code, err := strconv.ParseUint(listed[i+1:i+4], 8, 8)
			if c := byte(code); err == nil {
				if c > ' ' && c <= '~' && c != '.' && c != '\\' {
					b.WriteByte(c)
				} else {
					b.WriteString(listed[i : i+4])
				}
				i += 3
				continue
			}
		}
		b.WriteByte(listed[i])
	}
	return strings.ToLower(b.String())
}

// sortKey orders names as Route 53 lists them: by labels from the right, each with
// its dot, so that a-b comes before a.
func sortKey(name string) string {
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}
