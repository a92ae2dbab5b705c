package doltserver

import (
	"os"
	"strings"
)

// Former is a want as far as it can be had without the version it names: with the
// one that the data was last opened by. ok is false when that is the same or is
// not known. Going on with it is safe, as nothing newer has touched the data.
func (s *Server) Former(w Want) (former Want, ok bool) {
	data, err := os.ReadFile(s.place.version())
	if err != nil {
		return w, false
	}
	former = w
	former.Version = strings.TrimSpace(string(data))
	if former.Version == w.Version {
		return w, false
	}
	_, err = s.Program(former.Version)
	return former, err == nil
}

// Presented is a want with the certificate that the server was started with: it is
// what a server shows that runs on until a new want can be had.
func (s *Server) Presented(w Want) Want {
	if cert, err := os.ReadFile(s.place.cert()); err == nil {
		w.Certificate = cert
	}
	return w
}
