package main

import _ "embed"

// seedSQL is the example fleet, committed to an empty hub by mainstay up.
//
//go:embed seed.sql
var seedSQL string
