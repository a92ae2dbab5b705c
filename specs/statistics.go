package specs

import "math"

// NumericColumns are the columns of deployments whose values are compared with
// what they were before.
func NumericColumns() []string {
	return []string{"volume_gb", "volume_iops", "volume_mibps", "standbys", "retention_days"}
}

// A Series sums up the values that a column was given.
type Series struct {
	N          int     `json:"n"`
	Min        int     `json:"min"`
	Max        int     `json:"max"`
	Sum        float64 `json:"sum"`
	SumSquares float64 `json:"sum_squares"`
}

func (s *Series) add(v int) {
	if s.N == 0 {
		s.Min, s.Max = v, v
	}
	s.N++
	s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	s.Sum += float64(v)
	s.SumSquares += float64(v) * float64(v)
}

// Mean is the average; 0 of nothing.
func (s Series) Mean() float64 {
	if s.N == 0 {
		return 0
	}
	return s.Sum / float64(s.N)
}

// Deviation is the standard deviation of the population; 0 of nothing.
func (s Series) Deviation() float64 {
	if s.N == 0 {
		return 0
	}
	m := s.Mean()
	return math.Sqrt(max(0, s.SumSquares/float64(s.N)-m*m))
}

// Statistics are what the numeric columns of deployments were given over the
// history of main, by column and owner; owner "" is everybody.
type Statistics struct {
	Commit string                       `json:"commit"` // up to and with this one
	Values map[string]map[string]Series `json:"values"` // column, owner
}

// NewStatistics returns those of no history.
func NewStatistics() *Statistics { return &Statistics{Values: map[string]map[string]Series{}} }

// Observe adds what the changes of one commit gave. Only a value that is new counts:
// a row that is changed elsewhere says nothing about its other cells.
func (s *Statistics) Observe(changes []RowChange) {
	for _, c := range changes {
		if c.Table != TableDeployments || c.To == nil {
			continue
		}
		owner, _ := c.To["owner"].(string)
		r := reader{table: c.Table, key: c.Key, get: c.To.get}
		for _, column := range NumericColumns() {
			if c.From != nil && c.From[column] == c.To[column] {
				continue
			}
			failed := len(r.findings)
			if v := r.integer(column); len(r.findings) == failed {
				s.add(column, owner, v)
			}
		}
	}
}

func (s *Statistics) add(column, owner string, v int) {
	if s.Values[column] == nil {
		s.Values[column] = map[string]Series{}
	}
	owners := []string{""}
	if owner != "" {
		owners = append(owners, owner)
	}
	for _, o := range owners {
		series := s.Values[column][o]
		series.add(v)
		s.Values[column][o] = series
	}
}
