package ci

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/mainstaydb/mainstay/specs"
)

const checkOutlier = "outlier"

// When a value is far outside what its column was given before. All must hold, so
// that the check is quiet about growth and loud about a slip of the keyboard:
// twice the largest or half the smallest is never told of, however even the
// history, and the largest with a zero too many always is, however wide. (No
// deviation is more than half the range, so four times the largest is always far.)
const (
	// enoughValues is when a history says something: fewer, and one odd row moves it.
	enoughValues = 8
	// farDeviations from the mean is nothing that a history with spread would do by
	// itself, whatever its shape: at most 1 in 36 values may be so far out.
	farDeviations = 6
	// farOutside is how many times beyond the largest, or below the smallest. A
	// history with little spread has many deviations in a small step; so it must
	// also be well above 2.
	farOutside = 3
	// farFromConstant is farOutside where all values were equal. There is no spread
	// to hold a value against, and a default that everybody had is left for the first
	// time with good reason: only a digit too many or too few is told of.
	farFromConstant = 10
)

// outliers tells of new numbers that are far outside what the owner's deployments
// were given before, or all deployments while the owner has little history.
func (m move) outliers(statistics *specs.Statistics) []specs.Finding {
	if statistics == nil {
		return nil
	}
	var findings []specs.Finding
	for _, c := range m.changes {
		if c.Table != specs.TableDeployments || c.To == nil {
			continue
		}
		d := m.after.Deployments[c.Key]
		for _, column := range specs.NumericColumns() {
			if c.From[column] == c.To[column] {
				continue // only a value that is new is judged, as only such are remembered
			}
			if f := outlier(d, column, fmt.Sprint(c.To[column]), statistics.Values[column]); f != nil {
				findings = append(findings, *f)
			}
		}
	}
	return findings
}

func outlier(d *specs.Deployment, column, text string, known map[string]specs.Series) *specs.Finding {
	value, err := strconv.Atoi(text)
	if err != nil || value == 0 && zeroIsDefault(column) {
		return nil
	}
	whose, series := d.Owner, known[d.Owner]
	if series.N < enoughValues {
		whose, series = "", known[""]
	}
	if !far(series, float64(value)) {
		return nil
	}
	of := "all deployments"
	if whose != "" {
		of = "the deployments of " + whose
	}
	return &specs.Finding{
		Check: checkOutlier, Severity: specs.Warning, Table: specs.TableDeployments, Key: d.Name, Column: column,
		Message: fmt.Sprintf("%d is far outside what it was before: %d values of %s, from %d to %d, mean %s, deviation %s",
			value, series.N, of, series.Min, series.Max, short(series.Mean()), short(series.Deviation())),
		Advice: "look for a digit too many or too few, and acknowledge " + checkOutlier + " if it is meant",
	}
}

// zeroIsDefault tells of columns whose 0 is no size but the leave to choose one.
func zeroIsDefault(column string) bool {
	return slices.Contains([]string{"volume_iops", "volume_mibps"}, column)
}

func far(s specs.Series, value float64) bool {
	if s.N < enoughValues || s.Max <= 0 { // only zeros: the first number has nothing to be compared with
		return false
	}
	low, high := float64(s.Min), float64(s.Max)
	if s.Min == s.Max {
		return value >= high*farFromConstant || value*farFromConstant <= low
	}
	return math.Abs(value-s.Mean()) > s.Deviation()*farDeviations && (value > high*farOutside || value*farOutside < low)
}

// short gives a figure for people.
func short(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }
