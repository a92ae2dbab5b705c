package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/dolthub/dolt/go/libraries/doltcore/creds"
	"github.com/dolthub/dolt/go/libraries/doltcore/dbfactory"
	"github.com/dolthub/dolt/go/libraries/doltcore/grpcendpoint"
	"github.com/dolthub/dolt/go/store/datas"
	"github.com/dolthub/dolt/go/store/prolly/tree"
	"github.com/dolthub/dolt/go/store/types"
)

// A link is a Repo's one connection to an http hub, kept from fetch to fetch.
//
// The engine, left alone, dials for every fetch and push and never hangs up: five
// goroutines and a socket each time, for as long as the process lives. It also
// takes the password from the environment, which every program started meanwhile
// would inherit. So the hub's factory below asks the context for the Repo's link.
//
// Of a hub that is a directory it knows what was opened, as directory.go tells.
type link struct {
	user, password string

	mu      sync.Mutex
	open    *opened          // nil: dial at the next use
	visited []datas.Database // directories that the talk under way opened
	clone   atomic.Pointer[store]
	talking atomic.Bool // with the hub
}

type opened struct {
	db   datas.Database
	vrw  types.ValueReadWriter
	node tree.NodeStore
}

type linkKey struct{}

// with gives the engine a context that leads to the link.
func (l *link) with(ctx context.Context) context.Context { return context.WithValue(ctx, linkKey{}, l) }

// close hangs up; the next use dials. After a failure that is better than waiting
// for the connection to mend: gRPC tries again after up to two minutes.
func (l *link) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		return nil
	}
	err := l.open.db.Close()
	l.open = nil
	if err != nil {
		return fmt.Errorf("hanging up on the hub: %w", err)
	}
	return nil
}

// shareLinks puts the factories before the engine's own for http, https and files. It is
// the engine's registry that holds it; a use without a link is passed on.
var shareLinks = sync.OnceFunc(func() {
	for _, scheme := range []string{dbfactory.HTTPScheme, dbfactory.HTTPSScheme} {
		dbfactory.DBFactories[scheme] = linkFactory{dbfactory.DBFactories[scheme]}
	}
	dbfactory.DBFactories[dbfactory.FileScheme] = fileFactory{dbfactory.DBFactories[dbfactory.FileScheme]}
})

type linkFactory struct{ dbfactory.DBFactory }

// CreateDB gives the link's connection, dialling where there is none.
func (f linkFactory) CreateDB(
	ctx context.Context, nbf *types.NomsBinFormat, u *url.URL, params map[string]any,
) (datas.Database, types.ValueReadWriter, tree.NodeStore, error) {
	l, ok := ctx.Value(linkKey{}).(*link)
	if !ok {
		return f.DBFactory.CreateDB(ctx, nbf, u, params)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		params, err := l.identify(params)
		if err != nil {
			return nil, nil, nil, err
		}
		db, vrw, node, err := f.DBFactory.CreateDB(ctx, nbf, u, params)
		if err != nil {
			return nil, nil, nil, err
		}
		l.open = beside(&l.clone, db, vrw, node)
	}
	return l.open.db, l.open.vrw, l.open.node, nil
}

// identify adds the user and a dialler that knows the password.
func (l *link) identify(params map[string]any) (map[string]any, error) {
	if l.user == "" {
		return params, nil
	}
	dialler, ok := params[dbfactory.GRPCDialProviderParam].(dbfactory.GRPCDialProvider)
	if !ok {
		return nil, errors.New("the engine does not say how to dial the hub")
	}
	params = maps.Clone(params)
	params[dbfactory.GRPCUsernameAuthParam] = l.user
	params[dbfactory.GRPCDialProviderParam] = identified{dialler, creds.DoltCredsForPass{Username: l.user, Password: l.password}}
	return params, nil
}

type identified struct {
	dbfactory.GRPCDialProvider
	as creds.DoltCredsForPass
}

// GetGRPCDialParams implements dbfactory.GRPCDialProvider.
func (d identified) GetGRPCDialParams(c grpcendpoint.Config) (dbfactory.GRPCRemoteConfig, error) {
	c.Creds = d.as.RPCCreds()
	return d.GRPCDialProvider.GetGRPCDialParams(c)
}
