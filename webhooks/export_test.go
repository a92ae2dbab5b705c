package webhooks

import "context"

// Work does what one item asks for.
func (w *Worker) Work(ctx context.Context, item Item) error { return w.work(ctx, item) }

// ReviewMark and ReportOf are for tests of what is written.
const ReviewMark = reviewMark

func ReportOf(pr PullRequest, r Review, details string) (CheckRun, string) {
	report := reportOf(subject{pr: pr, review: r, details: details})
	return report.check, report.comment
}

// Reverted is for tests of what a text says is taken back.
func Reverted(body string, r Repository) int { return reverted(body, r) }

// CommandsIn gives the verbs and arguments of a comment's commands.
func CommandsIn(body string) [][2]string {
	var all [][2]string
	for _, c := range commandsIn(body) {
		all = append(all, [2]string{c.verb, c.argument})
	}
	return all
}
