// Package backtest answers what a configuration would have done over a stretch of
// the past: it reads the metrics back from Prometheus, tick by tick of the grid,
// and plays the one real brain over them. What was not known then is unknown here,
// and every stretch of it is named in the result; nothing unknown is made known,
// except where a rollback that would have happened parts the played world from the
// recorded one, and there the result says what was assumed.
package backtest
