package main

// simulated are the stories in which everything is killed and everything fails.
const simulated = "TestKilled|TestOldPlan|TestKeptStories|TestSeeds"

func mutations() []mutation {
	loop := [][2]string{{"./reconciler", simulated}}
	kept := [][2]string{{"./reconciler", "TestKeptStories"}}
	planned := [][2]string{{"./reconciler/plan", ""}, {"./reconciler", simulated}}
	return []mutation{
		{"the ledger is not pushed before an action", "reconciler/record.go",
			"	if !r.urgent(edits, outs) && now.Before(r.recordDue()) {", "	if now.Before(r.recordDue()) {", loop},
		{"a lost push is taken for one that arrived", "reconciler/record.go",
			"	if err != nil {\n		return fmt.Errorf(\"publishing on the branch status: %w\", err)", "	if err != nil && commit == \"never\" {\n		return fmt.Errorf(\"publishing on the branch status: %w\", err)", loop},
		{"a claim of another control plane is not heeded", "reconciler/desk.go",
			"c.Holder != r.cfg.Holder && now.Before(c.Until) {", "c.Holder != r.cfg.Holder && now.Before(c.Until) && false {",
			[][2]string{{"./reconciler", ""}}},
		{"a launch is repeated with another token", "reconciler/plan/run.go",
			"	d.act(Action{Kind: LaunchMachine, Slot: s.SlotID, Token: s.Token,", "	d.act(Action{Kind: LaunchMachine, Slot: s.SlotID, Token: s.Token + \"x\",", planned},
		{"a gap of machines is taken for their absence", "reconciler/plan/run.go",
			"	case d.in.Gaps.Machines != \"\":\n		d.waitf(\"the list of machines is not whole (%s): its", "	case false:\n		d.waitf(\"the list of machines is not whole (%s): its", planned},
		{"a machine is made under a gap", "reconciler/plan/run.go",
			"	if g := d.in.Gaps.Machines; g != \"\" {\n		d.waitf(\"the list of machines is not whole (%s): none is made", "	if g := d.in.Gaps.Machines; g == \"never\" {\n		d.waitf(\"the list of machines is not whole (%s): none is made", planned},
		{"a gap of volumes is taken for their absence", "reconciler/plan/volume.go",
			"	case d.in.Gaps.Volumes != \"\":", "	case d.in.Gaps.Volumes == \"never\":", planned},
		{"an empty volume is made in place of one that is gone", "reconciler/plan/volume.go",
			"	case d.entry.VolumeID != \"\" && d.volume() == nil:", "	case d.entry.VolumeID == \"never\":", planned},
		{"a slot is void while its machine cannot be listed", "reconciler/plan/slots.go",
			"		case s.State == SlotBound && d.in.Gaps.Machines == \"\":", "		case s.State == SlotBound:", planned},
		{"a volume is deleted before its retention ends", "reconciler/plan/remove.go",
			"	case d.in.Now.Before(d.entry.DeleteAfter):", "	case d.in.Now.Before(d.entry.DeleteAfter) && false:", planned},
		{"a volume is deleted under a gap", "reconciler/plan/remove.go",
			"	case d.in.Gaps.Volumes != \"\" || d.in.Gaps.Machines != \"\":\n		d.recheckAt", "	case false:\n		d.recheckAt", planned},
		{"a volume is taken before its database stopped", "reconciler/plan/replace.go",
			"	case a.Order != nil || a.Database != DatabaseAbsent:\n		d.stopDatabase(m, cur.Generation, Replace,", "	case false:\n		d.stopDatabase(m, cur.Generation, Replace,", planned},
		{"a machine is ended as soon as its agent is silent", "reconciler/plan/replace.go",
			"const patience = 20 * time.Second", "const patience = 0", planned},
		{"who did not begin the record keeps its marks of what was there before", "reconciler/refresh.go",
			"	} else {\n		r.yieldBirth()\n	}", "	}", kept},
		{"a volume that is not listed yet is taken for none", "reconciler/plan/volume.go",
			"		if s.MachineID != \"\" && s.Shape.Volume != nil && d.in.Now.Before(listed) {", "		if false && d.in.Now.Before(listed) {", kept},
		{"a volume of a machine that has ended is not taken", "reconciler/plan/volume.go",
			"m.State != MachineTerminated && m.ID == v.AttachedTo", "m.ID == v.AttachedTo", kept},
		{"an agent obeys an older generation", "agent/orders.go",
			"	if generation < o.seen {\n		return fmt.Errorf(\"generation %d is %w, which is %d\", generation, errOlder, o.seen)\n	}\n	if o.volume", "	if o.volume", [][2]string{{"./agent", ""}}},
		{"protection is taken from the change and not from main", "ci/ci.go",
			"	if !was.Protected {", "	if !was.Protected || after.Deployments[was.ID] == nil {", [][2]string{{"./ci", ""}}},
		{"a conflict of files is settled with the newer", "specs/manifest/carry.go",
			"		default:\n			clash(column, base, row[column], theirs)", "		default:\n			to[column] = theirs", [][2]string{{"./specs/manifest", ""}}},
		{"any signature of a delivery will do", "webhooks/signature.go",
			"		if hmac.Equal(mac.Sum(nil), signature) {", "		if len(mac.Sum(nil)) == len(signature) {", [][2]string{{"./webhooks", "TestEndpoint"}}},
		{"who wrote a change approves it", "webhooks/hear.go",
			"	wrote := slices.ContainsFunc(append(writers, v.pr.Author.Login), func(w string) bool { return strings.EqualFold(w, login) })", "	wrote := false && len(writers) > 0", [][2]string{{"./webhooks", "TestWritersDoNotApprove"}}},
		{"an edited comment commands", "webhooks/hear.go",
			"	if r.edited = r.comment.Edited; r.edited {", "	if r.edited = false; r.edited {", [][2]string{{"./webhooks", "TestEdited"}}},
		{"main is written over a merge on its way", "webhooks/sweep.go",
			"	if !s.landing(due) {", "	if !s.landing(due) || true {", [][2]string{{"./webhooks", "TestNothingIsWrittenOverALanding"}}},
	}
}
