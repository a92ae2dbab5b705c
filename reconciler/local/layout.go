package local

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// A layout is the cloud's directory; its methods are the paths in it.
type layout string

func (l layout) in(parts ...string) string {
	return filepath.Join(append([]string{string(l)}, parts...)...)
}

func (l layout) identity() string         { return l.in("identity") }
func (l layout) machines() string         { return l.in("machines") }
func (l layout) volumes() string          { return l.in("volumes") }
func (l layout) launches() string         { return l.in("launches") } // one directory for each token that was used
func (l layout) ports() string            { return l.in("ports") }    // one file for each place: its SQL port
func (l layout) staging() string          { return l.in("staging") }  // made here, then renamed into place
func (l layout) trash() string            { return l.in("trash") }    // renamed here, then removed
func (l layout) machine(id string) string { return l.in("machines", id) }
func (l layout) volume(id string) string  { return l.in("volumes", id) }
func (l layout) launch(token string) string {
	return l.in("launches", digest("launch", token))
}

// Files of a machine's directory. configFile, tokenFile, addressFile and
// volumeLink are what the agent reads and writes too.
const (
	recordFile  = "launched.json" // written once
	configFile  = "machine.json"
	tokenFile   = "enrolment.token"
	addressFile = "agent.addr"
	volumeLink  = "volume"
	agentLogs   = "log"        // a directory
	tombstone   = "terminated" // holds the time
)

// Files of a volume's directory. The data is beside them.
const (
	volumeFile = "volume.json"
	attachFile = "attached" // holds the machine's id
)

var (
	machinePattern = regexp.MustCompile(`^m-[0-9a-f]{17}$`)
	volumePattern  = regexp.MustCompile(`^vol-[0-9a-f]{17}$`)
)

// machineID follows from the launch: a replay means the same machine.
func machineID(token string, index int) string {
	return "m-" + digest("machine", token, strconv.Itoa(index))
}

// volumeID follows from the slot: a replay means the same volume.
func volumeID(s plan.SlotID) string {
	return "vol-" + digest("volume", s.Deployment, strconv.Itoa(s.Ordinal), strconv.FormatInt(s.Generation, 10))
}

// digest has 17 hexadecimal digits, as people know them from EC2: 68 bits make
// a collision within one fleet out of the question. The length of each part is
// hashed with it, so that no two lists of parts are alike.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))[:17]
}

// checkID keeps anything that is not an id out of paths.
func checkID(pattern *regexp.Regexp, kind, id string) error {
	if !pattern.MatchString(id) {
		return fmt.Errorf("%q is not the id of a %s of the local cloud", id, kind)
	}
	return nil
}
