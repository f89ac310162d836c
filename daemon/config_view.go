package daemon

import "github.com/rollbackd/rollbackd/web"

// configView is the configuration in force, as whoever may read sees it.
func (h *house) configView() (v web.ConfigView, err error) {
	c := h.config.Load()
	v = web.ConfigView{Hash: c.Hash(), File: c.Path}
	if v.Config, err = c.Public(); err != nil {
		return v, err
	}
	v.TOML, err = c.PublicTOML()
	return v, err
}
