package specs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// parseVersion reads "2.2.0" into its three numbers.
func parseVersion(s string) ([3]int, bool) {
	var v [3]int
	parts := strings.Split(s, ".")
	if len(parts) != len(v) {
		return v, false
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return v, false
		}
		v[i] = int(n)
	}
	return v, true
}

// CompareVersions orders two releases of Dolt: negative when a is older than b.
// A version that cannot be read is older than all others.
func CompareVersions(a, b string) int {
	va, oka := parseVersion(a)
	vb, okb := parseVersion(b)
	if oka != okb {
		return cmp.Compare(rank(oka), rank(okb))
	}
	return slices.Compare(va[:], vb[:])
}

func rank(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

// StorageFormat is the number of the storage format that a release of Dolt
// writes: its major version. An older format cannot read a newer one's files.
func StorageFormat(version string) (int, bool) {
	v, ok := parseVersion(version)
	return v[0], ok
}
