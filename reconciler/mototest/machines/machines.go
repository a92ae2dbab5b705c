// Package machines runs what moto only lists: for each instance of a fleet that
// runs in moto, a real agent on this computer, with a metadata service, a signed
// identity document and a data volume as on EC2.
//
// It promises that a machine's processes run exactly while moto says that it does;
// that a volume, which is a directory or a file behind a loop device, is there on
// the machine that it is attached to and on no other, and is kept as long as moto
// has it; and that nothing runs after the test. It asks moto itself, not the proxy
// that counts. It is for tests on Linux alone, where each machine has an address of
// its own in 127.0.0.0/8.
package machines

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/attest/attesttest"
	"github.com/mainstaydb/mainstay/reconciler/mototest"
)

// Options say whose machines are run, and with what.
type Options struct {
	Proxy     *mototest.Proxy // tells that something changed, and lists loopback addresses
	Endpoint  string          // moto's own
	Region    string
	Fleet     string // value of the fleet's tag
	Dir       string // machines and volumes are made in it
	Agent     string // the agent's program
	Versions  string // holds <version>/dolt
	Authority *attesttest.Authority
	// Disks: volumes are files behind loop devices, which needs root. False: they are
	// directories.
	Disks bool
}

// account is moto's.
const account = "123456789012"

// lookEvery is for what changed without the proxy, as by a person's hand.
const lookEvery = 2 * time.Second

// Machines are those of one fleet.
type Machines struct {
	t       testing.TB
	o       Options
	client  *sdk.Client
	service *httptest.Server
	volumes volumes

	mu        sync.Mutex
	authority *attesttest.Authority
	instances map[string]types.Instance // as listed last
	running   map[string]*machine       // of the goroutine that looks
}

// Run runs the machines until the test ends.
func Run(t testing.TB, o Options) *Machines {
	t.Helper()
	o.Proxy.Loopback()
	m := &Machines{
		t: t, o: o, authority: o.Authority, running: map[string]*machine{},
		client: sdk.NewFromConfig(aws.Config{
			Region: o.Region, BaseEndpoint: aws.String(o.Endpoint), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		}),
	}
	m.volumes = newVolumes(m)
	for _, dir := range []string{m.volumes.dir, filepath.Join(o.Dir, "machines")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.service = httptest.NewServer(m)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.watch(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		m.endAll()
		m.volumes.close()
		m.service.Close()
	})
	return m
}

// SignWith has the documents that are asked for from now on signed by somebody else.
func (m *Machines) SignWith(a *attesttest.Authority) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.authority = a
}

// watch keeps what runs as moto says until ctx ends.
func (m *Machines) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		m.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-m.o.Proxy.Changed():
		case <-tick.C:
		}
	}
}

// look brings what runs here to what runs in moto. What ends does so first: a
// volume is nobody's before its database is gone.
func (m *Machines) look(ctx context.Context) {
	instances, volumes, err := m.list(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.t.Errorf("moto does not list the machines: %v", err)
		}
		return
	}
	m.mu.Lock()
	m.instances = instances
	m.mu.Unlock()
	m.endOthers(instances)
	m.volumes.follow(volumes)
	for id, i := range instances {
		if isRunning(i) && m.running[id] == nil {
			m.running[id] = m.start(id)
		}
	}
}

func isRunning(i types.Instance) bool {
	return i.State != nil && i.State.Name == types.InstanceStateNameRunning
}

// endOthers ends the machines that run in moto no more, and clears away those that
// are gone for good.
func (m *Machines) endOthers(instances map[string]types.Instance) {
	var all sync.WaitGroup
	for id, machine := range m.running {
		i, listed := instances[id]
		if isRunning(i) {
			continue
		}
		delete(m.running, id)
		all.Go(func() {
			machine.end()
			if !listed || i.State.Name != types.InstanceStateNameStopped {
				m.volumes.unlink(id)
				machine.remove()
			}
		})
	}
	all.Wait()
}

func (m *Machines) endAll() { m.endOthers(nil) }

// list asks moto for the fleet's machines and volumes.
func (m *Machines) list(ctx context.Context) (map[string]types.Instance, map[string]types.Volume, error) {
	ours := []types.Filter{{Name: aws.String("tag:mainstay:fleet"), Values: []string{m.o.Fleet}}}
	machines, err := m.client.DescribeInstances(ctx, &sdk.DescribeInstancesInput{Filters: ours})
	if err != nil {
		return nil, nil, err
	}
	volumes, err := m.client.DescribeVolumes(ctx, &sdk.DescribeVolumesInput{Filters: ours})
	if err != nil {
		return nil, nil, err
	}
	byID, volumesByID := map[string]types.Instance{}, map[string]types.Volume{}
	for _, r := range machines.Reservations {
		for _, i := range r.Instances {
			byID[aws.ToString(i.InstanceId)] = i
		}
	}
	for _, v := range volumes.Volumes {
		volumesByID[aws.ToString(v.VolumeId)] = v
	}
	return byID, volumesByID, nil
}
