package scenario

import (
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// junitOutput writes JUnit's XML, as systems for continuous integration read it:
// a suite a file, a test case a case. Its times are those of the wall.
type junitOutput struct {
	out    io.Writer
	suites []junitSuite
	took   time.Duration
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	Classname string        `xml:"classname,attr"`
	File      string        `xml:"file,attr"`
	Line      int           `xml:"line,attr,omitempty"`
	Time      string        `xml:"time,attr"`
	Failure   *junitProblem `xml:"failure"`
	Error     *junitProblem `xml:"error"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func (j *junitOutput) file(f fileOutcome) error {
	suite := junitSuite{Name: f.path}
	// Many readers take the points of a class name for packages, so the file's
	// folder and ending are left out of it.
	class := strings.TrimSuffix(filepath.Base(f.path), filepath.Ext(f.path))
	if f.err != nil {
		suite.Errors, suite.Time = 1, inSeconds(0)
		suite.Cases = []junitCase{{
			Name: "the file can be read", Classname: class, File: f.path, Time: inSeconds(0), Error: problem("error", f.err.Error()),
		}}
	}
	var took time.Duration
	for _, c := range f.cases {
		one := junitCase{Name: c.Case, Classname: class, File: f.path, Line: c.Line, Time: inSeconds(c.took)}
		if !c.passed() {
			suite.Failures++
			one.Failure = problem("expectation", strings.Join(c.Failures, "\n"))
		}
		took += c.took
		suite.Cases = append(suite.Cases, one)
	}
	suite.Tests, suite.Time = len(suite.Cases), inSeconds(took)
	j.took += took
	j.suites = append(j.suites, suite)
	return nil
}

// problem has its first line as its message.
func problem(kind, text string) *junitProblem {
	message, _, _ := strings.Cut(text, "\n")
	return &junitProblem{Message: message, Type: kind, Text: text}
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

func (j *junitOutput) end(Result) error {
	all := junitSuites{Name: "rollbackd test", Time: inSeconds(j.took), Suites: j.suites}
	for _, s := range j.suites {
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(j.out, "%s%s\n", xml.Header, text)
	return err
}
