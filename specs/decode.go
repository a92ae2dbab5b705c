package specs

import (
	"fmt"
	"strconv"
)

// deploymentColumns are the columns of the table deployments that the program reads.
var deploymentColumns = []string{
	"id", "name", "owner", "zone", "instance_type", "volume_type", "volume_gb", "volume_iops", "volume_mibps",
	"dolt_version", "standbys", "certificate", "running", "protected", "retention_days",
}

// DeploymentColumns lists the columns of the table deployments, in order.
func DeploymentColumns() []string { return append([]string(nil), deploymentColumns...) }

func (r Row) get(column string) (any, bool) {
	v, ok := r[column]
	return v, ok
}

// DecodeDeployment reads one row of the table deployments. get returns a column's
// value (nil, text, or a Go number or bool as a database driver gives it) and
// whether there is such a column. Settings are not part of the row.
func DecodeDeployment(get func(column string) (any, bool)) (*Deployment, []Finding) {
	id, _ := get("id")
	name, _ := get("name")
	r := reader{table: TableDeployments, key: firstText(name, id), get: get}
	d := &Deployment{
		ID:            r.text("id"),
		Name:          r.text("name"),
		Owner:         r.text("owner"),
		Zone:          r.text("zone"),
		InstanceType:  r.text("instance_type"),
		VolumeType:    r.text("volume_type"),
		VolumeGB:      r.integer("volume_gb"),
		VolumeIOPS:    r.integer("volume_iops"),
		VolumeMiBps:   r.integer("volume_mibps"),
		DoltVersion:   r.text("dolt_version"),
		Standbys:      r.integer("standbys"),
		Certificate:   r.text("certificate"),
		Running:       r.boolean("running"),
		Protected:     r.boolean("protected"),
		RetentionDays: r.integer("retention_days"),
	}
	return d, r.findings
}

func firstText(values ...any) string {
	for _, v := range values {
		if s, ok := v.(string); ok && s != "" {
			return s
		}
	}
	return "?"
}

// A reader reads typed values out of one row and collects what it could not read.
type reader struct {
	table, key string
	get        func(column string) (any, bool)
	findings   []Finding
}

func (r *reader) fail(column, message, advice string) {
	r.findings = append(r.findings, Finding{
		Check: "readable", Severity: Error, Table: r.table, Key: r.key, Column: column, Message: message, Advice: advice,
	})
}

// value gets a column that must be there and not NULL.
func (r *reader) value(column string) any {
	v, ok := r.get(column)
	switch {
	case !ok:
		r.fail(column, "the column is missing from the table", "restore the column, or revert the commit that dropped it")
	case v == nil:
		r.fail(column, "the value is NULL", "set a value")
	}
	return v
}

func (r *reader) text(column string) string {
	switch v := r.value(column).(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

func (r *reader) integer(column string) int {
	switch v := r.value(column).(type) {
	case nil:
		return 0
	case int32: // what the embedded engine gives for INT; the others come by way of text
		return int(v)
	case int8:
		return int(v)
	case int64:
		return int(v)
	default:
		text := fmt.Sprint(v)
		n, err := strconv.Atoi(text)
		if err != nil {
			r.fail(column, fmt.Sprintf("%q is not a whole number", text), "set a whole number")
		}
		return n
	}
}

func (r *reader) boolean(column string) bool {
	v := r.value(column)
	if b, ok := v.(bool); ok {
		return b
	}
	switch fmt.Sprint(v) {
	case "1", "true":
		return true
	case "0", "false", "<nil>":
		return false
	}
	r.fail(column, fmt.Sprintf("%q is neither true nor false", fmt.Sprint(v)), "set true or false")
	return false
}
