package trigger

import "strings"

// Nearest is the candidate that a mistyped word most probably meant: the one
// at the smallest edit distance, at most two (one for words of up to three
// letters), upper and lower case alike. Of several it is the first; "" if
// nothing is near.
func Nearest(word string, candidates []string) string {
	limit := 2
	if len([]rune(word)) <= 3 {
		limit = 1
	}
	best, nearest := limit+1, ""
	for _, c := range candidates {
		// A candidate that shares nothing with the word is no better guess
		// than any other, however short both are.
		d := editDistance(strings.ToLower(word), strings.ToLower(c))
		if d < best && d < len([]rune(c)) {
			best, nearest = d, c
		}
	}
	return nearest
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours that turn one word into the other.
func editDistance(from, to string) int {
	a, b := []rune(from), []rune(to)
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
