package attest

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// Certificates are what regions sign identity documents with, by region.
type Certificates map[string]*x509.Certificate

// The certificates that this program brings: certificates/<region>.pem. Where they
// come from stands in certificates/README.md.
//
//go:embed certificates
var embedded embed.FS

const embeddedDir = "certificates"

func published() (Certificates, error) {
	dir, err := fs.Sub(embedded, embeddedDir)
	if err != nil {
		return nil, err
	}
	return readAll(dir)
}

// ReadDir reads the certificates that a directory holds as <region>.pem. Other
// files are left alone.
func ReadDir(dir string) (Certificates, error) {
	certs, err := readAll(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("the certificates for identity documents in %s: %w", dir, err)
	}
	return certs, nil
}

func readAll(dir fs.FS) (Certificates, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	certs := make(Certificates)
	for _, e := range entries {
		region, ok := strings.CutSuffix(e.Name(), ".pem")
		if !ok {
			continue
		}
		data, err := fs.ReadFile(dir, e.Name())
		if err != nil {
			return nil, err
		}
		cert, err := ParseCertificate(region, data)
		if err != nil {
			return nil, err
		}
		for other, known := range certs {
			if known.Equal(cert) {
				return nil, fmt.Errorf("%s.pem and %s.pem are the same certificate, and every region has its own; save each region's RSA-2048 one", other, region)
			}
		}
		certs[region] = cert
	}
	return certs, nil
}

var regionPattern = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

// rsaBits is the size of the keys that AWS signs the documents with that it calls
// rsa2048. The page that publishes them has two other kinds for each region, which
// are easily taken for these.
const rsaBits = 2048

// ParseCertificate reads a region's certificate from PEM.
func ParseCertificate(region string, data []byte) (*x509.Certificate, error) {
	if !regionPattern.MatchString(region) {
		return nil, fmt.Errorf("%q is not the name of a region; name the file as us-east-1.pem is", region)
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%s.pem is not one certificate in PEM", region)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err == nil {
		err = checkCertificate(cert)
	}
	if err != nil {
		return nil, fmt.Errorf("%s.pem is not the certificate that AWS publishes as RSA-2048 for the region; copy it again: %w", region, err)
	}
	return cert, nil
}

// checkCertificate finds what was copied wrongly. That it is AWS's cannot be seen
// from it: whoever writes it where it is read is trusted with that.
func checkCertificate(cert *x509.Certificate) error {
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok:
		return fmt.Errorf("its key is %s", cert.PublicKeyAlgorithm)
	case key.N.BitLen() != rsaBits:
		return fmt.Errorf("its RSA key has %d bits", key.N.BitLen())
	case !bytes.Equal(cert.RawIssuer, cert.RawSubject):
		return errors.New("it was issued by another")
	}
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		return fmt.Errorf("it is not signed with its own key: %w", err)
	}
	return nil
}
