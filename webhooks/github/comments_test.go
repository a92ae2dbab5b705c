package github

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

const commentsOf = "POST /repos/acme/fleet/issues/7/comments"

// conversation is a fake with the comments of pull request 7.
func conversation() (*fake, *[]obj) {
	f, all := newFake(), &[]obj{}
	f.list("GET /repos/acme/fleet/issues/7/comments", func(r *http.Request) []obj {
		since, _ := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
		return slices.DeleteFunc(slices.Clone(*all), func(c obj) bool { return c["updated_at"].(time.Time).Before(since) })
	})
	f.json(commentsOf, func(r *http.Request) (int, any) {
		body := decode(r)["body"].(string)
		if utf8.RuneCountInString(body) > 65535 {
			return 422, obj{"message": "body is too long"}
		}
		return 201, f.say(all, "mainstay-user", body)
	})
	f.json("PATCH /repos/acme/fleet/issues/comments/{id}", func(r *http.Request) (int, any) {
		for _, c := range *all {
			if fmt.Sprint(c["id"]) == r.PathValue("id") {
				c["body"], c["updated_at"] = decode(r)["body"], time.Now().UTC()
				return 200, c
			}
		}
		return 404, obj{"message": "Not Found"}
	})
	f.json("DELETE /repos/acme/fleet/issues/comments/{id}", func(r *http.Request) (int, any) {
		*all = slices.DeleteFunc(*all, func(c obj) bool { return fmt.Sprint(c["id"]) == r.PathValue("id") })
		return 204, nil
	})
	return f, all
}

func (f *fake) say(all *[]obj, login, body string) obj {
	now := time.Now().UTC()
	c := obj{"id": f.id(), "user": obj{"login": login, "id": 5}, "body": body, "created_at": now, "updated_at": now}
	*all = append(*all, c)
	return c
}

// by are the bodies of somebody's comments.
func by(all []obj, login string) []string {
	var bodies []string
	for _, c := range all {
		if c["user"].(obj)["login"] == login {
			bodies = append(bodies, c["body"].(string))
		}
	}
	return bodies
}

// TestPutComment: one comment, edited in place, whatever is lost and whoever writes
// the mark too.
func TestPutComment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, all := conversation()
		for i := range 130 { // two pages
			f.say(all, "someone", fmt.Sprintf("comment %d\n<!-- mainstay:plan -->", i))
		}
		gh := client(t, f)
		f.lose[commentsOf] = 1
		put := func(body string) {
			t.Helper()
			if err := gh.PutComment(t.Context(), repo, 7, "mainstay:plan", body); err != nil {
				t.Fatal(err)
			}
		}
		put("first")
		put("first")
		put("second")
		put("second\n")
		if got, want := by(*all, "mainstay-user"), []string{"<!-- mainstay:plan -->\nsecond"}; !slices.Equal(got, want) {
			t.Errorf("our comments are %q, want %q", got, want)
		}
		if n := f.count(commentsOf); n != 1 {
			t.Errorf("a comment was made %d times", n)
		}
		if n := f.count(fmt.Sprintf("PATCH /repos/acme/fleet/issues/comments/%v", (*all)[130]["id"])); n != 1 {
			t.Errorf("it was edited %d times", n)
		}
		for i, body := range by(*all, "someone") {
			if want := fmt.Sprintf("comment %d\n<!-- mainstay:plan -->", i); body != want {
				t.Fatalf("somebody's comment became %q", body)
			}
		}
		// Who owns the token quotes ours.
		quote := f.say(all, "mainstay-user", "> <!-- mainstay:plan -->\nI agree")
		put("second")
		*all = slices.DeleteFunc(*all, func(c obj) bool { return c["id"] == quote["id"] && c["body"] == quote["body"] })
		// Two processes were at it at once.
		f.say(all, "mainstay-user", "<!-- mainstay:plan -->\nanother")
		put("third")
		if got, want := by(*all, "mainstay-user"), []string{"<!-- mainstay:plan -->\nthird"}; !slices.Equal(got, want) {
			t.Errorf("our comments are %q, want %q", got, want)
		}
	})
}

// TestAddComment: once for each mark.
func TestAddComment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, all := conversation()
		gh := client(t, f)
		f.lose[commentsOf] = 1
		for _, mark := range []string{"answer-1", "answer-12", "<!-- answer-1 -->", "answer-2", "answer-1"} {
			if err := gh.AddComment(t.Context(), repo, 7, mark, "to "+mark); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{"<!-- answer-1 -->\nto answer-1", "<!-- answer-12 -->\nto answer-12", "<!-- answer-2 -->\nto answer-2"}
		if got := by(*all, "mainstay-user"); !slices.Equal(got, want) {
			t.Errorf("comments are %q, want %q", got, want)
		}
		for _, mark := range []string{"", "a-->b", "a\nb", "<!-- x --> <!-- y -->"} {
			if err := gh.AddComment(t.Context(), repo, 7, mark, "x"); KindOf(err) != Refused {
				t.Errorf("the mark %q: %v", mark, err)
			}
		}
	})
}

// TestAnswersAllLost: when it is never known whether a comment was made, it is an
// error, and there is one.
func TestAnswersAllLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, all := conversation()
		gh := client(t, f)
		f.lose["GET /repos/acme/fleet/issues/7/comments"] = 1000
		if err := gh.PutComment(t.Context(), repo, 7, "m", "x"); KindOf(err) != Unreachable || len(*all) != 0 {
			t.Errorf("%d comments, %v", len(*all), err)
		}
	})
}

func TestComments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, all := conversation()
		f.say(all, "early", "/mainstay plan")
		time.Sleep(time.Minute)
		since := time.Now()
		(*all)[0]["updated_at"] = since.Add(time.Second) // edited since
		f.say(all, "late", "/mainstay approve")
		got, err := client(t, f).Comments(t.Context(), repo, 7, since)
		if err != nil || len(got) != 1 || got[0].Author.Login != "late" || got[0].Author.Email != "5+late@users.noreply.github.example.com" || got[0].Body != "/mainstay approve" {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := client(t, f).Comments(t.Context(), repo, 7, time.Time{}); err != nil || len(got) != 2 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestLongComment: it is cut to what GitHub takes, counted in characters.
func TestLongComment(t *testing.T) {
	t.Parallel()
	f, all := conversation()
	line := strings.Repeat("é", 99) + "\n"
	if err := client(t, f).PutComment(t.Context(), repo, 7, "m", strings.Repeat(line, 1000)); err != nil {
		t.Fatal(err)
	}
	body := by(*all, "mainstay-user")[0]
	if n := utf8.RuneCountInString(body); n > 65535 || n < 65300 || !strings.HasPrefix(body, "<!-- m -->\né") || !strings.HasSuffix(body, cutNote) {
		t.Errorf("%d characters, from %q to %q", n, first(body, 20), body[len(body)-80:])
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	note := "\n(cut)"
	for _, c := range []struct {
		name, body string
		length     int
		want       string
	}{
		{"it fits", "12345", 5, "12345"},
		{"at the end of a line", "line one\nline two\nline three", 25, "line one\nline two\n(cut)"},
		{"a single line", "0123456789012345678901234567890", 20, "01234567890123\n(cut)"},
		{"characters, not bytes", strings.Repeat("é", 20), 20, strings.Repeat("é", 20)},
		{"an open code block", "a\n```diff\n+ one\n+ two\n+ three\n```\n", 30, "a\n```diff\n+ one\n```\n(cut)"},
		{"a longer fence is not closed by a shorter", "````\n```\nthe text goes on and on\n````\n", 26, "````\n```\nthe\n````\n(cut)"},
		{"folded parts", "<details>\n\nmuch text that is long\nmore and more and more", 48, "<details>\n\nmuch text that is\n\n</details>\n(cut)"},
		{"no room at all", "0123456789", 3, "(cu"},
	} {
		if got := cut(c.body, c.length, note); got != c.want || utf8.RuneCountInString(got) > c.length {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestCutIsWhole: whatever is cut is short enough, is text, and ends with the note
// outside of all blocks.
func TestCutIsWhole(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{"word ", "é", "\n", "\n```\n", "\n~~~~\n", "<details>", "</details>", "| a | b |\n", "日本語"})
	rapid.Check(t, func(r *rapid.T) {
		body := strings.Join(rapid.SliceOfN(piece, 0, 200).Draw(r, "body"), "")
		length := rapid.IntRange(100, 400).Draw(r, "length")
		got := cut(body, length, "")
		if n := utf8.RuneCountInString(got); n > length || !utf8.ValidString(got) {
			r.Fatalf("%d characters of %d: %q", n, length, got)
		}
		if utf8.RuneCountInString(body) > length && (!strings.HasSuffix(got, cutNote) || closing(strings.TrimSuffix(got, cutNote)) != "") {
			r.Fatalf("it leaves something open, or has no note: %q", got)
		}
	})
}
