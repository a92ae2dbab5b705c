package github

import (
	"context"
	"math"
	"time"

	"github.com/mainstaydb/mainstay/webhooks"
)

// forever is for what is named by its hash.
const forever = time.Duration(math.MaxInt64)

// An ask says what the transport has to know of a call beyond the request.
type ask struct {
	repo       webhooks.Repository // whose installation is used; none: any
	app        bool                // as the App itself, not as an installation
	repeatable bool                // sent twice it has the effect of once
	keep       time.Duration       // an answer so old still holds
}

type askKey struct{}

func askOf(ctx context.Context) ask {
	a, _ := ctx.Value(askKey{}).(ask)
	return a
}

func withAsk(ctx context.Context, change func(*ask)) context.Context {
	a := askOf(ctx)
	change(&a)
	return context.WithValue(ctx, askKey{}, a)
}

func about(ctx context.Context, r webhooks.Repository) context.Context {
	return withAsk(ctx, func(a *ask) { a.repo = r })
}

func asApp(ctx context.Context) context.Context {
	return withAsk(ctx, func(a *ask) { *a = ask{app: true, repeatable: a.repeatable} })
}

func repeatable(ctx context.Context) context.Context {
	return withAsk(ctx, func(a *ask) { a.repeatable = true })
}

func keep(ctx context.Context, d time.Duration) context.Context {
	return withAsk(ctx, func(a *ask) { a.keep = d })
}
