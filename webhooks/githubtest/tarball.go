package githubtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// archives is where tarballs are, outside of the API, as on GitHub.
const archives = "/archives/"

// getTarball points at the archive. Its address has a token in it, so that it is read
// without another.
func getTarball(c *call) answer {
	at := c.repo.resolve(c.params["ref"])
	if at == nil {
		return notFound()
	}
	token := randomHex(16)
	c.g.tarballs[token] = func() []byte { return c.repo.tarball(at) }
	c.header.Set("Location", c.g.URL+archives+c.repo.fullName()+"/"+at.sha+"?token="+token)
	return answer{status: http.StatusFound}
}

func (g *GitHub) serveArchive(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	pack := g.tarballs[r.URL.Query().Get("token")]
	var b []byte
	if pack != nil {
		b = pack()
	}
	g.mu.Unlock()
	if pack == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/x-gzip")
	_, _ = w.Write(b)
}

// tarball packs the files of a commit below a directory that has its name.
func (r *Repository) tarball(c *commit) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	write := func(h tar.Header, text []byte) {
		h.ModTime = c.committer.when
		// Nothing fails: it is written to memory, with the sizes that there are.
		_ = t.WriteHeader(&h)
		_, _ = t.Write(text)
	}
	write(tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": c.sha}}, nil)
	root := strings.Join([]string{r.Owner, r.Name, c.sha[:shaShort]}, "-") + "/"
	write(tar.Header{Typeflag: tar.TypeDir, Name: root, Mode: 0o775}, nil)
	files := r.objects.flat(c.tree)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		text := r.objects.blobs[files[path].sha]
		h := tar.Header{Typeflag: tar.TypeReg, Name: root + path, Mode: 0o664, Size: int64(len(text))}
		if files[path].mode == modeLink {
			h.Typeflag, h.Linkname, h.Size, text = tar.TypeSymlink, string(text), 0, nil
		}
		write(h, text)
	}
	_ = t.Close()
	_ = z.Close()
	return b.Bytes()
}
