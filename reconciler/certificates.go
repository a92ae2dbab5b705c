package reconciler

import (
	"github.com/mainstaydb/mainstay/reconciler/ledger"
	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// trackCertificates says which deployments want one of a public authority, when
// the desired state is another than last time.
func (r *Reconciler) trackCertificates() {
	if r.cfg.Certificates == nil || r.desired.snapshot == nil || r.tracked == r.state.Applied.Commit {
		return
	}
	r.tracked = r.state.Applied.Commit
	names := map[string][]string{}
	for id, d := range r.desired.snapshot.Deployments {
		if d.Certificate == "acme" {
			names[id] = []string{d.Name + "." + r.means.Domain}
		}
	}
	r.cfg.Certificates.Track(names)
}

// seeCertificates takes in what there is. Reports are values.
func (r *Reconciler) seeCertificates() {
	if r.cfg.Certificates == nil {
		return
	}
	w := &r.world
	reports := r.cfg.Certificates.Reports()
	for id, c := range reports {
		if old, ok := w.certificates[id]; ok && sameCertificate(old, c) && !w.restage {
			continue
		}
		w.certificates[id] = c
		r.book.Set(ledger.Owner{Kind: "certificate", ID: id}, ledger.CertificateRecords(id, c))
		r.desk.mark(id)
	}
	for id := range w.certificates {
		if _, ok := reports[id]; !ok {
			delete(w.certificates, id)
			r.book.Set(ledger.Owner{Kind: "certificate", ID: id}, nil)
			r.desk.mark(id)
		}
	}
	sweep(r, "certificate", w.certificates)
}

func sameCertificate(a, b plan.Certificate) bool {
	return a.Fingerprint == b.Fingerprint && a.Names == b.Names && a.Error == b.Error &&
		a.NotAfter.Equal(b.NotAfter) && a.Renew.Equal(b.Renew) && a.Retry.Equal(b.Retry)
}
