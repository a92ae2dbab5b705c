package github

import (
	"cmp"
	"context"
	"fmt"

	sdk "github.com/google/go-github/v60/github"

	"github.com/mainstaydb/mainstay/webhooks"
)

// GitHub's limits for annotations.
const (
	annotationsPerCall = 50
	messageLength      = 16_000 // of 64 KiB, with four bytes for a character
	titleLength        = 255
)

// A finding is an annotation as it can be compared.
type finding struct {
	path, level, title, message string
	line                        int
}

// annotations compares those of a run with what is wanted: the ones to be added, and
// how many are there that do not hold any more. GitHub adds and never takes away, so
// what is there is not sent again.
func (c *Client) annotations(ctx context.Context, r webhooks.Repository, there *sdk.CheckRun, run webhooks.CheckRun) (missing []*sdk.CheckRunAnnotation, stale int, err error) {
	var shown []*sdk.CheckRunAnnotation
	if there.GetOutput().GetAnnotationsCount() > 0 {
		shown, err = pages(func(p sdk.ListOptions) ([]*sdk.CheckRunAnnotation, *sdk.Response, error) {
			return c.api.Checks.ListCheckRunAnnotations(ctx, r.Owner, r.Name, there.GetID(), &p)
		}, nil)
		if err != nil {
			return nil, 0, err
		}
	}
	seen := map[finding]bool{}
	for _, a := range shown {
		seen[findingOf(a)] = true
	}
	wanted := map[finding]bool{}
	for _, a := range run.Annotations {
		annotation := annotationOf(a)
		f := findingOf(annotation)
		if !wanted[f] && !seen[f] {
			missing = append(missing, annotation)
		}
		wanted[f] = true
	}
	for f := range seen {
		if !wanted[f] {
			stale++
		}
	}
	return missing, stale, nil
}

func findingOf(a *sdk.CheckRunAnnotation) finding {
	return finding{path: a.GetPath(), level: a.GetAnnotationLevel(), title: a.GetTitle(), message: a.GetMessage(), line: a.GetStartLine()}
}

func annotationOf(a webhooks.Annotation) *sdk.CheckRunAnnotation {
	line := max(a.Line, 1)
	return &sdk.CheckRunAnnotation{
		Path: &a.Path, StartLine: &line, EndLine: &line, AnnotationLevel: sdk.String(levelOf(a.Level)),
		Title: optional(first(a.Title, titleLength)), Message: sdk.String(cut(a.Message, messageLength, "\n…")),
	}
}

// levelOf is a finding's severity in GitHub's words.
func levelOf(level string) string {
	switch level {
	case "failure", "error":
		return "failure"
	case "warning":
		return "warning"
	}
	return "notice"
}

// outputOf is what people read of a run. It says so when GitHub still shows findings
// of an earlier check.
func outputOf(run webhooks.CheckRun, stale int) *sdk.CheckRunOutput {
	summary := run.Summary
	if stale > 0 {
		note := fmt.Sprintf("\n\n*%d of the annotations are of an earlier check of this commit and do not hold any more; GitHub keeps them.*\n", stale)
		summary = cut(summary, bodyLength-len(note), "") + note
	}
	return &sdk.CheckRunOutput{
		Title: sdk.String(first(titleOf(run), titleLength)), Summary: sdk.String(cut(summary, bodyLength, "")), Text: optional(cut(run.Text, bodyLength, "")),
	}
}

// titleOf is never empty: GitHub wants one.
func titleOf(run webhooks.CheckRun) string {
	return cmp.Or(run.Title, run.Conclusion, run.Status, run.Name)
}
