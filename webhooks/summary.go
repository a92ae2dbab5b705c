package webhooks

import (
	"strconv"
	"strings"

	"github.com/mainstaydb/mainstay/webhooks/markdown"
)

// longestSummary is what GitHub takes of a job's summary, 1 MiB, less what other steps
// of the job may have written.
const longestSummary = 512 << 10

// Summary is a review as a page of Markdown, for the jobs of CI systems.
func Summary(r Review) string {
	s := subject{review: r}
	bottom := ""
	if r.PlanHash != "" {
		bottom = "Plan `" + token(r.PlanHash) + "`, on main as it was at `" + short(r.Base) + "`.\n"
	}
	return markdown.Fit(longestSummary, verdictOf(s).headline()+"\n\n"+impact(s)+"\n\n", allSections(s), bottom, "")
}

// Commands are the findings and conflicts of a review as GitHub Actions takes them in
// a job's output, to show them at the lines of the files.
func Commands(r Review) string {
	words := map[string]string{"failure": "error", "warning": "warning", "notice": "notice"}
	var b strings.Builder
	for _, a := range annotations(r) {
		b.WriteString("::" + words[a.Level] + " file=" + property(a.Path) + ",line=" + strconv.Itoa(a.Line) + ",title=" + property(a.Title) + "::" + data(a.Message) + "\n")
	}
	return b.String()
}

// data and property escape as GitHub's own toolkit does: a line break or a comma would
// begin something else.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
