package ec2sim

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/mainstaydb/mainstay/reconciler/plan"
)

// Retire says that AWS will take the machine's host away at a time.
func (a *API) Retire(machine string, at time.Time) {
	a.setUnwell(machine, types.InstanceStatus{Events: []types.InstanceStatusEvent{{
		Code: types.EventCodeInstanceRetirement, NotBefore: aws.Time(at), InstanceEventId: aws.String("event-" + machine)}}})
}

// Impair has the check of the machine's host fail since a time.
func (a *API) Impair(machine string, since time.Time) {
	a.setUnwell(machine, types.InstanceStatus{SystemStatus: &types.InstanceStatusSummary{Status: types.SummaryStatusImpaired,
		Details: []types.InstanceStatusDetails{{ImpairedSince: aws.Time(since)}}}})
}

// ImpairVolume has the check of the machine's volumes fail since a time.
func (a *API) ImpairVolume(machine string, since time.Time) {
	a.setUnwell(machine, types.InstanceStatus{AttachedEbsStatus: &types.EbsStatusSummary{Status: types.SummaryStatusImpaired,
		Details: []types.EbsStatusDetails{{ImpairedSince: aws.Time(since)}}}})
}

func (a *API) setUnwell(machine string, s types.InstanceStatus) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.InstanceId = aws.String(machine)
	a.unwell[machine] = s
}

// DescribeInstanceStatus lists machines that run and are not well.
func (a *API) DescribeInstanceStatus(ctx context.Context, in *sdk.DescribeInstanceStatusInput, _ ...func(*sdk.Options)) (*sdk.DescribeInstanceStatusOutput, error) {
	out := &sdk.DescribeInstanceStatusOutput{}
	err := a.list(ctx, "DescribeInstanceStatus", in.NextToken, func() error {
		now := a.present(ctx)
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, m := range now.inv.Machines {
			s, ok := a.unwell[m.ID]
			if ok && m.State == plan.MachineRunning && !slices.ContainsFunc(in.Filters, func(f types.Filter) bool { return !holds(f, s) }) {
				out.InstanceStatuses = append(out.InstanceStatuses, s)
			}
		}
		return nil
	})
	return out, err
}

// holds says whether a status passes a filter. Others than package ec2's let nothing
// through.
func holds(f types.Filter, s types.InstanceStatus) bool {
	has := func(value string) bool { return slices.Contains(f.Values, value) }
	switch aws.ToString(f.Name) {
	case "event.code":
		return slices.ContainsFunc(s.Events, func(e types.InstanceStatusEvent) bool { return has(string(e.Code)) })
	case "system-status.status":
		return s.SystemStatus != nil && has(string(s.SystemStatus.Status))
	case "instance-status.status":
		return s.InstanceStatus != nil && has(string(s.InstanceStatus.Status))
	case "attached-ebs-status.status":
		return s.AttachedEbsStatus != nil && has(string(s.AttachedEbsStatus.Status))
	}
	return false
}
