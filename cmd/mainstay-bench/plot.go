package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"time"
)

// The plot's frame, in pixels, inside margins for the labels.
const (
	plotWidth, plotHeight  = 720, 420
	plotLeft, plotRight    = 64, 176
	plotTop, plotBottom    = 44, 48
	plotSlowest, plotQuick = 1000 * time.Second, 100 * time.Microsecond
)

// A curve is one line of the plot: a time for each size at which it was measured.
type curve struct {
	class string // of the style
	label string
	at    func(planned) time.Duration // zero: not measured
}

var curves = []curve{
	{"tofu", "tofu plan, no change", func(p planned) time.Duration { return p.Tofu.orZero() }},
	{"tofu dashed", "tofu plan, one change", func(p planned) time.Duration { return p.TofuOne.orZero() }},
	{"ours", "full load and plan", planned.whole},
	{"ours dashed", "one-row commit to plan", func(p planned) time.Duration { return p.One.orZero() }},
}

// plotStyle follows the reader's choice of light or dark, on a ground of its own: a
// page may have chosen otherwise.
const plotStyle = `.ground{fill:#ffffff}text{font:12px sans-serif;fill:#424a53}.title{font-weight:bold;font-size:14px}.grid{stroke:#d0d7de}
polyline{fill:none;stroke-width:2.5}.dashed{stroke-dasharray:6 4}.tofu{stroke:#bc4c00}.ours{stroke:#0969da}
circle.tofu{fill:#bc4c00}circle.ours{fill:#0969da}
@media(prefers-color-scheme:dark){.ground{fill:#0d1117}text{fill:#c9d1d9}.grid{stroke:#3d444d}.tofu{stroke:#f0883e}.ours{stroke:#58a6ff}
circle.tofu{fill:#f0883e}circle.ours{fill:#58a6ff}}`

// plot draws the times of planning against the number of deployments, both as
// logarithms, as SVG.
func (r *results) plot() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, "<title>Time to plan against the number of deployments</title>\n<style>%s</style>\n", plotStyle)
	fmt.Fprintf(&b, "<rect class=\"ground\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, "<text class=\"title\" x=\"%d\" y=\"22\">Time to plan, by number of deployments</text>\n", plotLeft)
	drawGrid(&b)
	var ends []float64
	for _, c := range curves {
		ends = drawCurve(&b, c, r.Planning, ends)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func drawGrid(b *bytes.Buffer) {
	for t := plotQuick; t <= plotSlowest; t *= 10 {
		y := plotY(t)
		fmt.Fprintf(b, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", plotLeft, y, plotWidth-plotRight, y)
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", plotLeft-8, y+4, axisText(t))
	}
	for n := smallestPlot; n <= largestPlot; n *= 10 {
		x := plotX(n)
		fmt.Fprintf(b, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", x, plotTop, x, plotHeight-plotBottom)
		fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x, plotHeight-plotBottom+20, thousands(n))
	}
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">deployments, or resources of OpenTofu</text>\n", (plotLeft+plotWidth-plotRight)/2, plotHeight-8)
}

// axisText writes a power of ten of time.
func axisText(t time.Duration) string {
	if t < time.Second {
		return fmt.Sprintf("%g ms", float64(t)/float64(time.Millisecond))
	}
	return thousands(int(t/time.Second)) + " s"
}

// labelGap is the least distance of two labels, which stand where curves end.
const labelGap = 15

// drawCurve draws a line with its points and label. Taken are the heights of labels
// that were written already.
func drawCurve(b *bytes.Buffer, c curve, all []planned, taken []float64) []float64 {
	var line, dots bytes.Buffer
	var x, y float64
	for _, p := range all {
		if t := c.at(p); t > 0 {
			x, y = plotX(p.Size), plotY(t)
			fmt.Fprintf(&line, "%.1f,%.1f ", x, y)
			fmt.Fprintf(&dots, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s: %s</title></circle>\n", c.class, x, y, thousands(p.Size), ms(t))
		}
	}
	if line.Len() == 0 {
		return taken
	}
	for _, other := range taken {
		if math.Abs(y-other) < labelGap {
			y = other + labelGap
		}
	}
	fmt.Fprintf(b, "<polyline class=\"%s\" points=\"%s\"/>\n%s", c.class, bytes.TrimSpace(line.Bytes()), dots.Bytes())
	fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x+10, y+4, html.EscapeString(c.label))
	return append(taken, y)
}

// The sizes at the plot's sides.
const smallestPlot, largestPlot = 100, 100_000

func plotX(n int) float64 {
	return plotLeft + (plotWidth-plotLeft-plotRight)*share(float64(n), smallestPlot, largestPlot)
}

func plotY(t time.Duration) float64 {
	return plotHeight - plotBottom - (plotHeight-plotTop-plotBottom)*share(float64(t), float64(plotQuick), float64(plotSlowest))
}

// share is how far v lies between two bounds, by its logarithm.
func share(v, from, to float64) float64 { return math.Log(v/from) / math.Log(to/from) }
