package githubtest_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
)

// untarred are the files of a commit as an archive has them.
func untarred(ctx context.Context, t *testing.T, w world, sha string) map[string]string {
	t.Helper()
	link, _, err := w.bot.Repositories.GetArchiveLink(ctx, "acme", "fleet", github.Tarball, &github.RepositoryContentGetOptions{Ref: sha}, 0)
	if err != nil {
		t.Fatal(err)
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, link.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(ask)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	z, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if root, path, ok := strings.Cut(h.Name, "/"); ok && root == "acme-fleet-"+sha[:7] {
			all[path] = string(text)
		}
	}
}
