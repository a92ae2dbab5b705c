package manifest

import (
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

var (
	// plainNumber is a number whose text every reader of YAML gives back as it is.
	plainNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,14}|-?(0|[1-9][0-9]{0,7})\.[0-9]{0,6}[1-9])$`)
	plainWhole  = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
	// plainText needs no quotes, if it is not a word that means something else.
	plainText = regexp.MustCompile(`^[\p{L}\p{N}_/]([\p{L}\p{N}_./@+=,()-]|[ ][\p{L}\p{N}_./@+=,()])*$`)
	// oldTruth are words that YAML 1.1 reads as true or false, as many programs do.
	oldTruth = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false)$`)
)

// write gives a text of the table as YAML.
func (k kind) write(value string) string {
	switch {
	case k == whole && plainWhole.MatchString(value), k == open && plainNumber.MatchString(value):
		return value
	case k == open && (value == "true" || value == "false"):
		return value
	case k == truth && value == "1":
		return "true"
	case k == truth && value == "0":
		return "false"
	case k == truth || !plainText.MatchString(value) || oldTruth.MatchString(value) || tagOf(value) != "!!str":
		// YAML's double quotes know every escape that Go's do.
		return strconv.Quote(value)
	}
	return value
}

// tagOf says what YAML takes a plain word for.
func tagOf(word string) string { return (&yaml.Node{Kind: yaml.ScalarNode, Value: word}).ShortTag() }

const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// read gives a value of YAML as the table's text, or says what is wrong with it.
func (k kind) read(n *yaml.Node) (value, message, advice string) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return "", "anchors and aliases are not read here", "write the value itself"
	case n.Kind != yaml.ScalarNode:
		return "", "a single value is wanted here", "write " + k.example()
	case n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != "!!str":
		return "", "the tag " + n.Tag + " is not read here", "leave it out"
	case n.Style&(quoted|yaml.TaggedStyle) != 0:
		return k.readText(n)
	case n.ShortTag() == "!!null":
		return "", "the value is missing", "write " + k.example() + `, or leave the key out`
	}
	return k.readPlain(n)
}

func (k kind) example() string {
	switch k {
	case whole:
		return "a whole number such as 10"
	case truth:
		return "true or false"
	}
	return `a text, which may be ""`
}

func (k kind) readText(n *yaml.Node) (value, message, advice string) {
	switch k {
	case whole:
		return "", strconv.Quote(n.Value) + " is text and no number", "write " + k.example() + ", without quotes"
	case truth:
		return "", strconv.Quote(n.Value) + " is text, and neither true nor false", "write true or false, without quotes"
	}
	return n.Value, "", ""
}

func (k kind) readPlain(n *yaml.Node) (value, message, advice string) {
	tag := n.ShortTag()
	switch {
	case k == truth && tag == "!!bool":
		return map[bool]string{true: "1", false: "0"}[strings.EqualFold(n.Value, "true")], "", ""
	case k == truth:
		return "", strconv.Quote(n.Value) + " is neither true nor false", "write true or false"
	case k == whole && plainWhole.MatchString(n.Value):
		if _, err := strconv.ParseInt(n.Value, 10, 32); err != nil {
			return "", n.Value + " is too large for a column of the table", "write a smaller number"
		}
		return n.Value, "", ""
	case k == whole:
		return "", strconv.Quote(n.Value) + " is not a whole number", "write " + k.example() + ", in digits alone"
	case tag == "!!str", tag == "!!timestamp":
		return n.Value, "", ""
	case k == text:
		return "", n.Value + " is not text, as YAML reads it", "write it in quotes: " + strconv.Quote(n.Value)
	case tag == "!!bool":
		return strings.ToLower(n.Value), "", ""
	case plainNumber.MatchString(n.Value):
		return n.Value, "", ""
	}
	return "", "YAML takes " + n.Value + " for another number than its digits say",
		"write it in quotes to set just this text: " + strconv.Quote(n.Value)
}
