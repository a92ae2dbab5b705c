package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/mainstaydb/mainstay/ci"
	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/webhooks"
)

// A bridge is the fleet's repository as pull requests see it: each is a branch
// github/<number> with a proposal. It uses a clone of its own, one call at a time.
type bridge struct {
	repository webhooks.Repository
	people     map[string]string // mail addresses by login, in lower case
	wake       func()            // the control plane, when main moved

	mu       sync.Mutex
	client   *client
	touching map[string][]cell // what branches change, by their heads
}

var _ webhooks.Fleet = (*bridge)(nil)

func newBridge(r webhooks.Repository, people map[string]string, c *client, wake func()) *bridge {
	b := &bridge{repository: r, people: map[string]string{}, client: c, wake: wake, touching: map[string][]cell{}}
	for login, mail := range people {
		b.people[strings.ToLower(login)] = mail
	}
	return b
}

// branchPrefix begins the names of the branches that pull requests are brought to.
const branchPrefix = "github/"

func pullBranch(number int) string { return fmt.Sprintf("%s%d", branchPrefix, number) }

// open learns what is new, and finds the open proposal of a pull request.
func (b *bridge) open(ctx context.Context, number int) (*proposals.Book, proposals.Proposal, bool, error) {
	if err := b.fetch(ctx, number); err != nil {
		return nil, proposals.Proposal{}, false, err
	}
	book, err := b.client.book(ctx)
	if err != nil {
		return nil, proposals.Proposal{}, false, err
	}
	p, ok := book.OpenOf(pullBranch(number))
	return book, p, ok, nil
}

// fetch learns the fleet's branches, and a pull request's if there is one: the clone may
// have one that somebody else removed, and lacks none that it made.
func (b *bridge) fetch(ctx context.Context, number int) error {
	_, err := b.client.Resolve(ctx, pullBranch(number))
	if errors.Is(err, repo.ErrUnknownRef) {
		_, err = b.client.FetchHeads(ctx)
		return err
	}
	if err == nil {
		_, err = b.client.FetchHeads(ctx, pullBranch(number))
	}
	return err
}

// author is a person as commits have one. The address is what the fleet's rows
// reviewers know people by.
func (b *bridge) author(p webhooks.Person) repo.Author {
	a := repo.Author{Name: plainName(p.Name), Email: plainName(p.Email)}
	if mail := b.people[strings.ToLower(p.Login)]; mail != "" {
		a.Email = mail
	}
	if a.Name == "" {
		a.Name = plainName(p.Login)
	}
	if a.Name == "" {
		a.Name = "somebody on GitHub"
	}
	if a.Email == "" {
		a.Email = "nobody@localhost"
	}
	return a
}

// plainName takes out what would end a name or an address early in a commit.
func plainName(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if strings.ContainsRune("<>\"\\", r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s))
}

// Heads implements webhooks.Fleet: main, what was seen of the world, which proposals
// are open, and who agreed to what. The checks' own verdicts are left out, as each
// judgement writes one.
func (b *bridge) Heads(ctx context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	heads, err := b.client.FetchHeads(ctx)
	if err != nil {
		return "", err
	}
	book, err := b.client.book(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, p := range book.List() {
		if p.State == proposals.Open {
			fmt.Fprintln(sum, p.ID, p.Head)
		}
	}
	for _, r := range book.Reviews {
		fmt.Fprintln(sum, r.Head, r.Person)
	}
	for _, a := range book.Acknowledgements {
		fmt.Fprintln(sum, a.Head, a.Check)
	}
	return strings.Join([]string{heads.Main, heads.Status, hex.EncodeToString(sum.Sum(nil)[:8])}, "/"), nil
}

// Close implements webhooks.Fleet.
func (b *bridge) Close(ctx context.Context, number int, by webhooks.Person) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, p, open, err := b.open(ctx, number)
	if err != nil {
		return err
	}
	return b.withdraw(ctx, number, p, open, b.author(by).Email)
}

// withdraw closes a proposal and removes its branch, as far as there are any.
func (b *bridge) withdraw(ctx context.Context, number int, p proposals.Proposal, open bool, by string) error {
	if open {
		if err := b.client.end(ctx, p.ID, proposals.Closed, "", "", by); err != nil {
			return err
		}
	}
	return b.removeBranch(ctx, number)
}

// removeBranch forgets the branch of a pull request that ended: what was merged is in
// main, and what was not is on GitHub.
func (b *bridge) removeBranch(ctx context.Context, number int) error {
	err := b.client.DeleteBranch(ctx, pullBranch(number))
	if errors.Is(err, repo.ErrUnknownRef) {
		return nil
	}
	return err
}

// Approve implements webhooks.Fleet.
func (b *bridge) Approve(ctx context.Context, number int, head string, by webhooks.Person, wrote bool) (webhooks.Approval, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	person := b.author(by).Email
	var a webhooks.Approval
	if err := b.fetch(ctx, number); err != nil {
		return a, err
	}
	err := b.client.save(ctx, fmt.Sprintf("approve %s", pullBranch(number)), func(book *proposals.Book) ([]repo.Edit, error) {
		p, ok := book.OpenOf(pullBranch(number))
		if !ok {
			return nil, refusedf("the fleet has no open proposal of it")
		}
		commit, err := b.client.Resolve(ctx, p.Branch)
		if err != nil {
			return nil, err
		}
		info, err := b.client.Commit(ctx, commit)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(info.Message, headTrailer+head) {
			return nil, refusedf("the fleet has another commit of it")
		}
		known, err := b.client.wrote(ctx, p, commit, person)
		if err != nil {
			return nil, err
		}
		a = webhooks.Approval{Counts: !wrote && !known, Accepted: acceptable(book, p, commit)}
		if !a.Counts && len(a.Accepted) == 0 {
			return nil, refusedf("%s wrote or proposed it, and there is nothing to accept", by.Login)
		}
		return approvalEdits(p, commit, person, a), nil
	})
	return a, err
}

func refusedf(format string, args ...any) error {
	return fmt.Errorf("%s (%w)", fmt.Sprintf(format, args...), webhooks.ErrRefused)
}

// acceptable are the checks whose warnings were shown for a commit and wait for
// somebody to accept them.
func acceptable(book *proposals.Book, p proposals.Proposal, commit string) []string {
	verdict := book.Verdicts[p.ID]
	if verdict.Head != commit {
		return nil
	}
	var checks []string
	for _, f := range verdict.Findings {
		if f.Severity == specs.Warning && ci.NeedsAcknowledgement(f.Check) && !slices.Contains(checks, f.Check) {
			checks = append(checks, f.Check)
		}
	}
	return checks
}

func approvalEdits(p proposals.Proposal, commit, person string, a webhooks.Approval) []repo.Edit {
	now := time.Now()
	var edits []repo.Edit
	if a.Counts {
		review := proposals.Review{Proposal: p.ID, Person: person, Head: commit, Comment: "on GitHub", At: now}
		edits = append(edits, put(proposals.TableReviews, review.Row()))
	}
	for _, check := range a.Accepted {
		ack := proposals.Acknowledgement{Proposal: p.ID, Head: commit, Check: check, Person: person, At: now}
		edits = append(edits, put(proposals.TableAcknowledgements, ack.Row()))
	}
	return edits
}
