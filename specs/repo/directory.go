package repo

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strings"

	"github.com/dolthub/dolt/go/libraries/doltcore/dbfactory"
	"github.com/dolthub/dolt/go/store/datas"
	"github.com/dolthub/dolt/go/store/prolly/tree"
	"github.com/dolthub/dolt/go/store/types"
)

// hubDirectory is where a hub is that is a directory.
func (r *Repo) hubDirectory() (dir string, ok bool) { return strings.CutPrefix(r.opts.Hub, "file://") }

// A fileFactory tells a Repo's link what is opened of files: the chunks of its clone, and
// a hub that is a directory.
type fileFactory struct{ dbfactory.DBFactory }

// CreateDB opens the database as the engine does. A clone is what has a journal, which
// hubs have not. A hub is opened anew for each talk with it: the engine would share one
// with all of the process, for as long as that lives, and could not clone from it any more
// when others have pushed since.
func (f fileFactory) CreateDB(
	ctx context.Context, nbf *types.NomsBinFormat, u *url.URL, params map[string]any,
) (datas.Database, types.ValueReadWriter, tree.NodeStore, error) {
	l, ok := ctx.Value(linkKey{}).(*link)
	if !ok {
		return f.DBFactory.CreateDB(ctx, nbf, u, params)
	}
	isClone := params[dbfactory.ChunkJournalParam] != nil
	isHub := !isClone && l.talking.Load()
	if isHub {
		params = maps.Clone(params)
		params[dbfactory.DisableSingletonCacheParam] = true
	}
	db, vrw, node, err := f.DBFactory.CreateDB(ctx, nbf, u, params)
	switch {
	case err != nil:
	case isClone:
		l.clone.Store(&store{datas.ChunkStoreFromDatabase(db)})
	case isHub:
		l.visit(db)
	}
	return db, vrw, node, err
}

// visit notes a hub that was opened, for leave to close.
func (l *link) visit(hub datas.Database) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.visited = append(l.visited, hub)
}

// leave closes what the talk with the hub opened of a directory. The engine, left alone,
// never does: the hub's files, up to 256 of them, stay open, fetch for fetch, until the
// garbage collector comes by, which for a process with little to do can be later than
// its limit of open files.
func (l *link) leave() error {
	l.talking.Store(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, hub := range l.visited {
		errs = append(errs, hub.Close())
	}
	l.visited = nil
	return errors.Join(errs...)
}
