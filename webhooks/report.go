package webhooks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/webhooks/markdown"
)

const (
	// CheckName is that of the check run; branch protection asks for it by this name.
	CheckName = "mainstay"
	// reviewMark tells our one comment from all others.
	reviewMark = "<!-- mainstay:review -->"
	// anyMark begins all our marks.
	anyMark = "<!-- mainstay:"
	// longestPage is what GitHub takes of a comment, a summary and a text: 65,535
	// characters. We count bytes, which are as many or more.
	longestPage = 65_535
	// mostAnnotations is four requests to GitHub, and more than anybody reads. All
	// findings are in the text.
	mostAnnotations = 200
	// longestTitle and longestMessage are what a line and a paragraph of an annotation
	// hold; GitHub cuts titles at 255 characters.
	longestTitle, longestMessage = 200, 2000
)

// A report is what is written about a pull request: its check run and its comment.
type report struct {
	check   CheckRun
	comment string // empty: none is needed, and one that is there is left
}

// A subject is a judged pull request.
type subject struct {
	pr      PullRequest
	review  Review
	details string // page with all of it; empty: none
	rougher bool   // its plan does more than the one that was shown
}

// reportOf says what merging would do. It is made of the pull request and the review
// alone, and leaves out what changes without meaning anything, such as the commit of
// main: so what is written is written again only when it says something else.
func reportOf(s subject) report {
	v := verdictOf(s)
	head := v.headline() + "\n\n" + impact(s) + "\n\n"
	next := nextSteps(s, v)
	details := s.details
	comment := markdown.Fit(longestPage, reviewMark+"\n"+head, allSections(s), next, details)
	check := CheckRun{
		Name: CheckName, HeadSHA: s.pr.HeadSHA, Status: "completed", Conclusion: v.conclusion, Title: v.title,
		Summary:     markdown.Fit(longestPage, head, troubleSections(s), next, details),
		Text:        markdown.Fit(longestPage, "", effectSections(s), "", ""),
		DetailsURL:  details,
		Annotations: annotations(s.review),
	}
	return sealed(report{check, comment})
}

// sealed names a report by its content.
func sealed(r report) report {
	r.check.ExternalID = ""
	content, err := json.Marshal([]any{r.check, r.comment})
	if err != nil { // strings and numbers alone
		content = fmt.Append(nil, r)
	}
	r.check.ExternalID = digest(content)
	return r
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

// judgingID names a check run without a verdict.
const judgingID = "judging"

// judging is the check run while there is no verdict yet.
func judging(pr PullRequest, details string) CheckRun {
	return CheckRun{Name: CheckName, HeadSHA: pr.HeadSHA, Status: "in_progress", Title: "Being judged",
		Summary: "The change is brought to the fleet's repository and judged there.", DetailsURL: details, ExternalID: judgingID}
}

// simple is a report of one sentence, with what it is about.
func simple(s subject, conclusion, title, text string, sections ...markdown.Section) report {
	page := markdown.Fit(longestPage/2, text+"\n\n", sections, "", s.details)
	return sealed(report{
		check: CheckRun{Name: CheckName, HeadSHA: s.pr.HeadSHA, Status: "completed", Conclusion: conclusion, Title: title,
			Summary: page, DetailsURL: s.details},
		comment: reviewMark + "\n### Mainstay: " + title + "\n\n" + page,
	})
}

func annotations(r Review) []Annotation {
	var all []Annotation
	for _, f := range r.Findings {
		if f.Path == "" || len(all) == mostAnnotations {
			continue
		}
		message := f.Message
		if f.Advice != "" {
			message += "; " + f.Advice
		}
		all = append(all, Annotation{Path: f.Path, Line: max(1, f.Line), Level: level(f.Severity),
			Title: markdown.Plain(f.Check, longestTitle), Message: markdown.Plain(message, longestMessage)})
	}
	for _, c := range r.Conflicts {
		if c.Path == "" || len(all) == mostAnnotations {
			continue
		}
		all = append(all, Annotation{Path: c.Path, Line: max(1, c.Line), Level: "failure", Title: "conflict",
			Message: markdown.Plain(fmt.Sprintf("%s %s.%s was %s; here it becomes %s, and main has %s by now",
				c.Table, c.Key, c.Column, c.Base, c.Theirs, c.Ours), longestMessage)})
	}
	return all
}

// level is GitHub's word for a severity.
func level(s specs.Severity) string {
	switch s {
	case specs.Error:
		return "failure"
	case specs.Warning:
		return "warning"
	}
	return "notice"
}
