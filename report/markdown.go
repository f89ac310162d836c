package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// WriteMarkdown writes the report as GitHub's kind of Markdown. Whatever came from
// outside is text in it: no markup, link or HTML of theirs takes effect. Its error
// is the writer's.
func (r *Report) WriteMarkdown(w io.Writer) error {
	d := r.document()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", escapeMarkdown(d.Title))
	for _, sentence := range d.Lead {
		fmt.Fprintf(&b, "- %s\n", escapeMarkdown(sentence))
	}
	b.WriteByte('\n')
	writeFacts(&b, d.Facts)
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "## %s\n\n", escapeMarkdown(s.Title))
		for _, one := range s.Blocks {
			one.writeMarkdown(&b)
		}
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

func (one block) writeMarkdown(b *strings.Builder) {
	switch {
	case one.Heading != "":
		fmt.Fprintf(b, "### %s\n\n", escapeMarkdown(one.Heading))
	case one.Soft:
		fmt.Fprintf(b, "_%s_\n\n", escapeMarkdown(one.Text))
	case one.Text != "":
		fmt.Fprintf(b, "%s\n\n", escapeMarkdown(one.Text))
	case one.Facts != nil:
		writeFacts(b, one.Facts)
	case one.Table != nil:
		writeTable(b, one.Table)
	case one.Output != nil:
		fmt.Fprintf(b, "**%s**\n\n", escapeMarkdown(one.Output.Title))
		fence := fenceFor(one.Output.Text, "```")
		fmt.Fprintf(b, "%s\n%s\n%s\n\n", fence, one.Output.Text, fence)
		if one.Output.Note != "" {
			fmt.Fprintf(b, "_%s_\n\n", escapeMarkdown(one.Output.Note))
		}
	case one.Blank != "":
		fmt.Fprintf(b, "> _%s_\n\n", escapeMarkdown(one.Blank))
	} // a chart is left out: the table of its samples follows it
}

func writeFacts(b *strings.Builder, all []fact) {
	for _, f := range all {
		fmt.Fprintf(b, "- **%s:** %s\n", escapeMarkdown(f.Name), f.Value.markdown())
	}
	b.WriteByte('\n')
}

func writeTable(b *strings.Builder, t *table) {
	heads := make([]string, len(t.Heads))
	for i, h := range t.Heads {
		heads[i] = escapeMarkdown(h)
	}
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat(" --- |", len(heads)))
	for _, row := range t.Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			c.Code = c.Code && !strings.Contains(c.Text, "|") // a bar ends a cell also within code
			cells[i] = c.markdown()
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
	}
	b.WriteByte('\n')
}

func (c cell) markdown() string {
	if c.Link != "" {
		return "[" + escapeMarkdown(c.Text) + "](<" + strings.NewReplacer("<", "%3C", ">", "%3E", "\\", "%5C").Replace(line(c.Link)) + ">)"
	}
	if !c.Code {
		return escapeMarkdown(c.Text)
	}
	shown := line(c.Text)
	fence := fenceFor(shown, "`")
	if strings.HasPrefix(shown, "`") || strings.HasSuffix(shown, "`") {
		shown = " " + shown + " "
	}
	return fence + shown + fence
}

// fenceFor is a fence that is longer than any run of backticks in a text.
func fenceFor(text, least string) string {
	longest, run := 0, 0
	for _, r := range text {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return strings.Repeat("`", max(len(least), longest+1))
}

// escapeMarkdown makes a text stand for itself, on one line. An underscore between
// two letters means nothing in Markdown, and stays readable.
func escapeMarkdown(s string) string {
	runes := []rune(line(s))
	var b strings.Builder
	for i, r := range runes {
		if special(runes, i) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// special tells whether a rune would be markup where it stands.
func special(runes []rune, i int) bool {
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return ' '
		}
		return runes[i]
	}
	wordy := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	switch r := runes[i]; r {
	case '\\', '`', '*', '[', ']', '<', '|', '~', '&', '$', '@':
		return true
	case '>', '=': // a quotation, and a heading
		return i == 0
	case '_':
		return !wordy(at(i-1)) || !wordy(at(i+1))
	case '!':
		return at(i+1) == '['
	case ':': // a bare address would become a link
		return at(i+1) == '/' && at(i+2) == '/'
	case '#': // a heading, and on some forges the number of an issue
		return true
	case '+', '-': // an item of a list, and a line across
		return i == 0 && (at(1) == ' ' || at(1) == r)
	case '.', ')': // a numbered item, and a bare address again
		return onlyDigits(runes[:i]) && at(i+1) == ' ' || strings.HasSuffix(strings.ToLower(wordBefore(runes, i)), "www")
	}
	return false
}

func onlyDigits(runes []rune) bool {
	for _, r := range runes {
		if r < '0' || r > '9' {
			return false
		}
	}
	return len(runes) > 0
}

// wordBefore are the letters right before a place.
func wordBefore(runes []rune, i int) string {
	from := i
	for from > 0 && unicode.IsLetter(runes[from-1]) {
		from--
	}
	return string(runes[from:i])
}
