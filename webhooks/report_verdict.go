package webhooks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mainstaydb/mainstay/specs"
)

// checkReviewers is the check that asks for approvals.
const checkReviewers = "reviewers"

// The conclusions of a check run. Both others keep a required check from passing.
const (
	success  = "success"
	failure  = "failure"
	required = "action_required"
)

// rougherPlan is the title when nothing is wrong but that people were shown less.
const rougherPlan = "its plan does more by now"

// inTheWay is the title when nothing is wrong but that another came first.
const inTheWay = "in the way of another proposal"

// A verdict is a review in a few words.
type verdict struct{ conclusion, title string }

func verdictOf(s subject) verdict {
	r := s.review
	errs, warnings := 0, 0
	approval := false // is among what is missing
	for _, f := range r.Findings {
		switch {
		case f.Severity == specs.Warning:
			warnings++
		case f.Severity != specs.Error:
		case f.Check == checkReviewers:
			approval = true
		default:
			errs++
		}
	}
	switch {
	case len(r.Conflicts) > 0:
		return verdict{failure, fmt.Sprintf("in conflict about %s", count(len(r.Conflicts), "value"))}
	case errs > 0:
		return verdict{failure, fmt.Sprintf("refused for %s", count(errs, "reason"))}
	case approval:
		return verdict{required, "waits for approval"}
	case !r.Passed && warnings == 0 && len(r.Others) > 0:
		return verdict{failure, inTheWay}
	case !r.Passed:
		return verdict{required, "waits for somebody to accept its warnings"}
	case s.rougher:
		return verdict{required, rougherPlan}
	case len(r.Changes) == 0:
		return verdict{success, "nothing changes"}
	}
	return verdict{success, "can be merged"}
}

// share is how much of the fleet is touched. The size of a fleet is told where a tenth
// of it is: else each deployment that comes or goes would have every open pull request
// written anew.
func share(r Review) string {
	if r.Touched*10 >= r.Fleet {
		return fmt.Sprintf("%d of %s", r.Touched, count(r.Fleet, "deployment"))
	}
	return count(r.Touched, "deployment")
}

func (v verdict) headline() string {
	sign := map[string]string{success: "✅", failure: "❌", required: "✋"}[v.conclusion]
	return "### " + sign + " Mainstay: " + v.title
}

// roughness orders disruptions, the least first.
var roughness = []string{"none", "restart", "replace", "destroy"}

// participles are what roughness makes of a deployment.
var participles = []string{"undisturbed", "restarted", "replaced", "destroyed"}

// impact is the blast radius in a sentence or two.
func impact(s subject) string {
	r := s.review
	text := fmt.Sprintf("%s in %s.", count(len(r.Changes), "changed value"), share(r))
	text += fmt.Sprintf(" The plan has %s", count(len(r.Plan), "action"))
	switch rough := disturbed(r.Plan); {
	case len(rough) > 0:
		text += ": " + strings.Join(rough, ", ") + "."
	case len(r.Plan) > 0:
		text += ", and none is noticed by users."
	default:
		text += "."
	}
	if s.pr.Fork {
		text += " It comes from a fork: its files are data here, and nothing of it is run."
	}
	return text
}

// disturbed counts the deployments by the worst that happens to each, the worst first.
func disturbed(plan []Step) []string {
	worst := map[string]int{}
	for _, step := range plan {
		worst[step.Deployment] = max(worst[step.Deployment], slices.Index(roughness, step.Disruption))
	}
	counts := map[int]int{}
	for _, d := range worst {
		counts[d]++
	}
	var all []string
	for d := len(roughness) - 1; d > 0; d-- {
		if n := counts[d]; n > 0 {
			all = append(all, count(n, "deployment")+" "+participles[d])
		}
	}
	return all
}

// nextSteps says which plan this is and what to do now.
func nextSteps(s subject, v verdict) string {
	what := "Merge it when you like: the fleet follows."
	switch {
	case len(s.review.Conflicts) > 0:
		what = "Settle the conflicts: bring the branch up to date, decide on each value, and push."
	case v.conclusion == failure && v.title == inTheWay:
		what = "Wait until the other proposal is merged or closed, or agree on one of them."
	case v.conclusion == failure:
		what = "Mend what is refused above and push."
	case v.title == rougherPlan:
		what = "The fleet moved since this was shown. Look at the plan again, and say `/mainstay check` when it is what you want."
	case v.conclusion == required:
		what = fmt.Sprintf("Somebody who may has to agree, with a comment: `/mainstay approve %s`", short(s.pr.HeadSHA))
	case len(s.review.Changes) == 0:
		what = "Merge it when you like: the fleet stays as it is."
	}
	return fmt.Sprintf("**What to do next.** %s\n\nPlan `%s` of commit `%s`; all of it: `mainstay pr check %s`. Commands: `/mainstay help`\n",
		what, token(s.review.PlanHash), short(s.pr.HeadSHA), branchOf(s.pr.Number))
}

// branchOf is the fleet's branch for a pull request.
func branchOf(number int) string { return fmt.Sprintf("github/%d", number) }

// token leaves of a hash what one is made of, for where it is not escaped.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_' || r == ':' {
			return r
		}
		return -1
	}, s)
}

// short is a commit as people say it.
func short(sha string) string { return fmt.Sprintf("%.12s", token(sha)) }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
