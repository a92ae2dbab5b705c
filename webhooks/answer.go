package webhooks

import (
	"context"
	"fmt"
	"slices"

	"github.com/mainstaydb/mainstay/webhooks/markdown"
)

const help = "Commands, at the start of a line, for people who may write to this repository:\n\n" +
	"- `/mainstay check`: judge the change again, and list the findings\n" +
	"- `/mainstay plan`: show what the fleet would do, now\n" +
	"- `/mainstay approve COMMIT`: agree to this commit, as a reviewer\n" +
	"- `/mainstay help`: this\n"

// answer answers every comment that asked for something, each once: its id is in the
// answer. Those who may not ask are told so once on a pull request, that they
// cannot have us fill it.
func (v *visit) answer(ctx context.Context) error {
	for _, r := range v.asked {
		mark := fmt.Sprintf("<!-- mainstay:answer:%d -->", r.comment.ID)
		if r.refused {
			mark = "<!-- mainstay:refused:" + token(r.comment.Author.Login) + " -->"
		}
		if err := v.cfg.GitHub.AddComment(ctx, v.cfg.Repository, v.pr.Number, mark, v.answerTo(r, mark)); err != nil {
			return fmt.Errorf("cannot answer a comment on pull request %d: %w", v.pr.Number, err)
		}
	}
	return nil
}

func (v *visit) answerTo(r request, mark string) string {
	top := mark + "\n"
	if r.edited {
		return top + "This comment was edited, so it may say what its author did not. Say it in a new one.\n"
	}
	if r.refused {
		return top + "Commands are for people who may write to this repository. Ask one of them.\n"
	}
	var sections []markdown.Section
	bottom := ""
	for _, c := range r.commands {
		switch c.verb {
		case "approve":
			top += r.approval + "\n\n"
		case "check", "plan":
			text, more := v.judged(c.verb)
			top += text
			sections = append(sections, more...)
		default:
			bottom = help
		}
	}
	return markdown.Fit(longestPage, top, sections, bottom, v.subject().details)
}

// judged answers with the review of this very visit.
func (v *visit) judged(verb string) (string, []markdown.Section) {
	if v.review == nil {
		return "There is no " + verb + " of it: " + v.told + "\n\n", nil
	}
	s := v.subject()
	s.review = *v.review
	verdict := verdictOf(s)
	text := fmt.Sprintf("Commit `%s`, %s: %s. %s\n\n", short(s.pr.HeadSHA), verb, verdict.title, impact(s))
	if verb == "check" {
		return text, troubleSections(s)
	}
	return text, effectSections(s)
}

// wants says whether anybody asked for a command.
func (v *visit) wants(verb string) bool {
	return slices.ContainsFunc(v.asked, func(r request) bool {
		return !r.refused && !r.edited && slices.ContainsFunc(r.commands, func(c command) bool { return c.verb == verb })
	})
}
