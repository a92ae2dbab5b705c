package specs

// An Effect is what a change of a column does to a deployment that runs.
type Effect string

// The effects, least first.
const (
	EffectNone    Effect = "none"    // nobody notices
	EffectGrow    Effect = "grow"    // the volume grows in place
	EffectRestart Effect = "restart" // the database restarts; connections drop for that long
	EffectReplace Effect = "replace" // another machine, or none; the volume and its data are kept
	EffectRefused Effect = "refused" // a check stops the commit
)

// An Impact says what a change of one column does.
type Impact struct {
	Table    string
	Column   string // "": the row's insertion or deletion
	Effect   Effect
	Sentence string // for the docs and for the plan
}

// Impacts is the table that the documentation shows and the checks follow, in
// the order of the columns.
func Impacts() []Impact {
	d := TableDeployments
	return []Impact{
		{d, "", EffectReplace, "An inserted row becomes a machine with a new volume; a deleted row loses its machine, and its volume is kept for retention_days."},
		{d, "id", EffectRefused, "The id is what machines and volumes are tagged with: another id is the deletion of one deployment and the creation of another."},
		{d, "name", EffectNone, "The machine and the process stay; the new name is shown from then on. In DNS the record of the new name takes the place of the old; a certificate of the fleet names it from the next one on, one of a public authority is got anew and shown as below."},
		{d, "owner", EffectNone, "Only recorded."},
		{d, "zone", EffectRefused, "A volume cannot leave its zone: make a new deployment there and copy the data."},
		{d, "instance_type", EffectReplace, "A new machine takes over the volume; exactly one machine serves at any time."},
		{d, "volume_type", EffectNone, "Taken over when the volume is next created; the volume there is stays as it is."},
		{d, "volume_gb", EffectGrow, "A larger size grows the volume in place; a smaller one is refused."},
		{d, "volume_iops", EffectNone, "Taken over when the volume is next created; the volume there is stays as it is."},
		{d, "volume_mibps", EffectNone, "Taken over when the volume is next created; the volume there is stays as it is."},
		{d, "dolt_version", EffectRestart, "The database restarts with the other release; an older storage format is refused, because it cannot read the data."},
		{d, "standbys", EffectRefused, "Standbys are not built yet."},
		{d, "certificate", EffectRestart, "The database restarts with the other certificate. A renewed one is shown from the next restart on, which comes ten days before the end of the one before at the latest."},
		{d, "running", EffectReplace, "false: the machine goes and the volume stays; true: a new machine takes over the volume."},
		{d, "protected", EffectNone, "A protected row cannot be deleted; taking the protection away needs a commit of its own."},
		{d, "retention_days", EffectNone, "Holds from the next deletion on."},
		{TableSettings, "", EffectRestart, "The database restarts with the setting or without it."},
		{TableSettings, "value", EffectRestart, "The database restarts with the new value."},
		{TableVersions, "", EffectNone, "A version can be removed when no deployment runs it."},
		{TableVersions, "url", EffectNone, "Used for the next download."},
		{TableVersions, "sha256", EffectNone, "Used for the next download."},
		{TableLimits, "", EffectNone, "Without a row the default holds."},
		{TableLimits, "value", EffectNone, "Holds for the next plan."},
		{TableApprovals, "", EffectNone, "Lets one commit go beyond a limit."},
		{TableReviewers, "", EffectNone, "Changes of this owner's deployments need approvals; holds from the next commit on."},
		{TableReviewers, "required", EffectNone, "Holds from the next commit on."},
	}
}

// ImpactOf finds what a change of a column does; column "" is the row itself.
func ImpactOf(table, column string) (Impact, bool) {
	for _, i := range Impacts() {
		if i.Table == table && i.Column == column {
			return i, true
		}
	}
	return Impact{}, false
}
