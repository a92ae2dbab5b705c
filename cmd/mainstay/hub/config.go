package hub

import (
	"fmt"
	"path/filepath"
)

// renderConfig gives the server's config.yaml. Paths are quoted, as a directory
// of a person may have any name; $ would be expanded by Dolt, so it is doubled.
func (h *Hub) renderConfig() []byte {
	return fmt.Appendf(nil, `# Written by mainstay up at every start of the hub; changes are lost.
log_level: info
data_dir: %s
cfg_dir: %s
privilege_file: %s
branch_control_file: %s
listener:
  host: 127.0.0.1
  port: %d
  # Each command and control plane takes one or two.
  max_connections: 200
remotesapi:
  port: %d
`, quote(filepath.Join(h.cfg.Dir, "data")), quote(filepath.Join(h.cfg.Dir, "root")), quote(h.privilegeFile()),
		quote(filepath.Join(h.cfg.Dir, "branch_control.db")), h.ports.SQL, h.ports.Remote)
}
