package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/mainstaydb/mainstay/specs"
	"github.com/mainstaydb/mainstay/specs/proposals"
	"github.com/mainstaydb/mainstay/specs/repo"
	"github.com/mainstaydb/mainstay/specs/schema"
)

// book reads the proposals as last fetched. A hub that never had one has none.
func (c *client) book(ctx context.Context) (*proposals.Book, error) {
	head, err := c.Resolve(ctx, repo.ProposalsBranch)
	if errors.Is(err, repo.ErrUnknownRef) {
		return proposals.NewBook(), nil
	}
	if err != nil {
		return nil, err
	}
	return c.bookAt(ctx, head)
}

func (c *client) bookAt(ctx context.Context, head string) (*proposals.Book, error) {
	tables, err := c.Tables(ctx, head, proposals.Tables()...)
	if err != nil {
		return nil, err
	}
	book := proposals.Decode(tables)
	for _, fault := range book.Faults {
		if text := fault.Error(); !c.told[text] {
			c.told[text] = true
			fmt.Fprintln(c.warn, "mainstay: "+sentence(fault))
		}
	}
	return book, nil
}

// saveTries bounds how often a change of the proposals is made anew because others
// pushed first: each round one of them gets through.
const saveTries = 50

// save changes the proposals: edit is told how they are now and gives the rows to
// write, again whenever somebody pushed first. No rows: nothing is to be done.
func (c *client) save(ctx context.Context, message string, edit func(*proposals.Book) ([]repo.Edit, error)) error {
	// Short waits with jitter, as a round takes some 50 ms.
	pause := backoff.NewExponentialBackOff(backoff.WithInitialInterval(10*time.Millisecond), backoff.WithMaxInterval(300*time.Millisecond))
	for range saveTries {
		head, err := c.Ensure(ctx, schema.Proposals)
		if err != nil {
			return err
		}
		book, err := c.bookAt(ctx, head)
		if err != nil {
			return err
		}
		edits, err := edit(book)
		if err != nil || len(edits) == 0 {
			return err
		}
		_, err = c.PublishTo(ctx, repo.ProposalsBranch, head, edits, message)
		if !errors.Is(err, repo.ErrLost) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause.NextBackOff()):
		}
	}
	return refusef("others change the proposals without a pause; try again in a moment")
}

func put(table string, row specs.Row) repo.Edit { return repo.Edit{Table: table, Row: row} }

// find takes a proposal by its number, or an open one by its branch.
func find(book *proposals.Book, which string) (proposals.Proposal, error) {
	if id, err := strconv.Atoi(strings.TrimPrefix(which, "#")); err == nil {
		if p, ok := book.Proposals[id]; ok {
			return p, nil
		}
		return proposals.Proposal{}, fmt.Errorf("there is no proposal #%d; mainstay pr list --state all lists them", id)
	}
	if p, ok := book.OpenOf(which); ok {
		return p, nil
	}
	return proposals.Proposal{}, fmt.Errorf("the branch %s has no open proposal; make one with: mainstay pr create -b %[1]s --title \"…\"", which)
}

// findOpen is find for what only open proposals can have done to them.
func findOpen(book *proposals.Book, which string) (proposals.Proposal, error) {
	p, err := find(book, which)
	if err == nil && p.State != proposals.Open {
		err = refusef("proposal #%d is %s already", p.ID, p.State)
	}
	return p, err
}

// end marks a proposal as merged or closed.
func (c *client) end(ctx context.Context, id int, state proposals.State, head, commit, by string) error {
	return c.save(ctx, fmt.Sprintf("#%d is %s", id, state), func(book *proposals.Book) ([]repo.Edit, error) {
		p, ok := book.Proposals[id]
		if !ok || p.State != proposals.Open {
			return nil, nil // somebody else did it
		}
		p.State, p.MergedCommit, p.EndedBy, p.EndedAt = state, commit, by, time.Now()
		if head != "" {
			p.Head = head
		}
		return []repo.Edit{put(proposals.TableProposals, p.Row())}, nil
	})
}
